"""Files of cases: every form in, and one line for every kind of mistake."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.cases import LINE_LIMIT, Asked, iter_questions, read_cases
from latm.errors import CasesError
from latm.types import Case, Origin

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_(data: str | bytes, name: str = "cases.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write_


def pairs(path: Path) -> list[tuple[str, str]]:
    return [(case.question, case.answer) for case in read_cases(path).cases]


def error_of(path: Path | str) -> str:
    with pytest.raises(CasesError) as caught:
        read_cases(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"question": "q", "answer": "a"}',
        '{"input": "q", "target": "a"}',
        '{"input": "q", "target": ["a", "b"]}',
        '{"input": "q", "target_scores": {"b": 0, "a": 1, "c": 0.5}}',
        '{"prompt": "q", "completion": "a", "other": null}',
        '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}',
    ],
)
@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "x.json", "x.txt", "x"])
def test_every_pair_of_keys_is_read_whatever_the_file_is_called(
    write: Write, line: str, name: str
) -> None:
    assert pairs(write(line + "\n\n", name)) == [("q", "a")]
    assert pairs(write(line + "\r\n" + line.replace('"q"', '"p"'), name)) == [
        ("q", "a"),
        ("p", "a"),
    ]


def test_the_last_user_turn_is_the_question_and_the_assistants_turn_after_it_the_answer(
    write: Write,
) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "old"},
        {"role": "assistant", "content": "old answer"},
        {"role": "user", "content": [{"type": "text", "text": "ne"}, {"text": "w"}]},
        {"role": "assistant", "content": "a"},
    ]
    assert pairs(write(json.dumps({"messages": turns}))) == [("new", "a")]
    unanswered = write(json.dumps({"messages": turns[:-1]}))
    assert list(iter_questions(unanswered)) == [Asked(1, "new", None)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x"])
def test_a_list_or_the_examples_of_a_benchmark_are_read(
    write: Write, indent: int | None, name: str
) -> None:
    examples = [{"input": "q", "target": "a"}, {"input": "p", "target_scores": {"b": 1}}]
    assert pairs(write(json.dumps(examples, indent=indent), name)) == [("q", "a"), ("p", "b")]
    if name != "x.jsonl":
        document = json.dumps({"name": "task", "examples": examples}, indent=indent)
        assert pairs(write(document, name)) == [("q", "a"), ("p", "b")]


@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x"])
def test_a_table_with_a_header_is_read(write: Write, name: str) -> None:
    text = 'id,Question ,Answer\r\n1,"a, ""b""\nc",d\r\n\r\n2,e,f\r\n'
    file = read_cases(write(text, name))
    assert [(c.question, c.answer) for c in file.cases] == [('a, "b"\nc', "d"), ("e", "f")]
    assert [c.origin and c.origin.line for c in file.cases] == [2, 5]


def test_a_table_with_tabs_is_read(write: Write) -> None:
    assert pairs(write("input\ttarget\na, b\tc\n", "x.tsv")) == [("a, b", "c")]


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_a_byte_order_mark_is_skipped(write: Write, name: str) -> None:
    assert pairs(write('\ufeff{"question": "é", "answer": "ü"}', name)) == [("é", "ü")]
    assert pairs(write("\ufeffquestion,answer\nq,a\n", "x.csv")) == [("q", "a")]


@pytest.mark.parametrize(
    ("literal", "text"),
    [("42", "42"), ("1.10", "1.10"), ("true", "true"), ('[1, "é"]', '[1, "é"]'), ("1e3", "1e3")],
)
def test_an_answer_that_is_no_text_keeps_its_literal(write: Write, literal: str, text: str) -> None:
    assert pairs(write(f'{{"question": 7, "answer": {literal}}}')) == [("7", text)]


def test_a_case_knows_its_line_or_its_number_in_a_document(write: Write) -> None:
    path = write('\n{"question": "q", "answer": "a"}\n')
    assert read_cases(path).cases[0].origin == Origin(str(path), 2)
    path = write('[{"question": "q", "answer": "a"}]', "x.json")
    assert read_cases(path).cases[0].origin == Origin(f"{path}#1")


def test_a_line_separator_inside_a_text_does_not_end_the_line(write: Write) -> None:
    assert pairs(write('{"question": "a\u2028b\x85", "answer": "c"}')) == [("a\u2028b\x85", "c")]


# --- duplicates and contradictions -----------------------------------------------------------


def test_a_case_said_twice_counts_once_and_is_reported_with_both_lines(write: Write) -> None:
    file = read_cases(
        write(
            '{"question": "q", "answer": "a b"}\n{"question": "p", "answer": "a"}\n'
            '{"question": " q\\n", "answer": "a  b"}\n'
        )
    )
    assert file.cases == (Case("q", "a b"), Case("p", "a"))
    assert [(d.first.origin, d.again.origin) for d in file.duplicates] == [
        (Origin(file.source, 1), Origin(file.source, 3))
    ]
    assert file.consistent() == file.cases


def test_a_contradiction_names_both_lines_and_both_answers(write: Write) -> None:
    path = write(
        '{"question": "q", "answer": "a"}\n{"question": "p", "answer": "a"}\n'
        '{"question": "q", "answer": "b"}\n{"question": "q", "answer": "c"}\n'
    )
    file = read_cases(path)
    assert [case.question for case in file.cases] == ["q", "p"]
    assert len(file.contradictions) == 2
    with pytest.raises(CasesError) as caught:
        file.consistent()
    assert str(caught.value) == (
        f"{path}: line 3 contradicts line 1: question 'q' has answers 'a' and 'b' "
        "(and 1 more contradictions); keep one of the two"
    )


def test_questions_that_differ_in_inner_blanks_are_different(write: Write) -> None:
    path = write('{"question": "a b", "answer": "1"}\n{"question": "a  b", "answer": "2"}\n')
    assert read_cases(path).contradictions == ()


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["", "\n \r\n\n", "\ufeff"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x"])
def test_an_empty_file_is_refused(write: Write, data: str, name: str) -> None:
    path = write(data, name)
    assert error_of(path).startswith(f"{path} is empty")
    with pytest.raises(CasesError, match="is empty"):
        list(iter_questions(path))


def test_broken_json_is_named_with_line_and_column(write: Write) -> None:
    good = '{"question": "q", "answer": "a"}\n'
    path = write(good * 16 + '{"question": "q" "answer"}\n' + good)
    assert error_of(path).startswith(f"{path}, line 17, column 18: broken JSON")
    document = write("[\n" + good + ",\n{]\n", "x.json")
    assert error_of(document).startswith(f"{document}, line 4, column 2: broken JSON")


def test_a_stream_yields_what_stands_before_the_broken_line(write: Write) -> None:
    questions = iter_questions(write('{"question": "q"}\n{\n'))
    assert next(questions) == Asked(1, "q", None)
    with pytest.raises(CasesError, match="line 2, column"):
        next(questions)


@pytest.mark.parametrize(
    "line",
    [
        '{"question": "q"}',
        '{"question": "q", "answer": null}',
        '{"question": "q", "answer": " "}',
        '{"input": "q", "target": []}',
        '{"input": "q", "target_scores": {}}',
        '{"messages": [{"role": "user", "content": "q"}]}',
    ],
)
def test_a_missing_answer_is_named_with_its_line(write: Write, line: str) -> None:
    path = write('{"question": "p", "answer": "a"}\n' + line)
    assert error_of(path) == f"{path}, line 2: no answer to question 'q'; every case needs one"


def test_a_table_row_without_answer_is_named_with_its_line(write: Write) -> None:
    path = write("question,answer\nq,a\np\n", "x.csv")
    assert error_of(path) == f"{path}, line 3: no answer to question 'p'; every case needs one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "example 1: expected an object such as"),
        ("3", "line 1: expected an object"),
        ('{"foo": 1}', "no question: expected 'question'/'answer'"),
        ("{}", "found nothing"),
        ('{"question": ["q"], "answer": 1}', "'question' must be a text, not a list"),
        ('{"question": "", "answer": 1}', "'question' is empty"),
        ('{"question": "\\ud800", "answer": 1}', "half a surrogate pair"),
        ('{"question": "q", "answer": "\\u0000"}', "'answer' holds a NUL"),
        ('{"question": "q", "answer": NaN}', "NaN is not JSON"),
        ('{"question": ' + "[" * 100_000, "nested too deeply"),
        ('{"question": "q", "answer": ' + "9" * 5000 + "}", "write it as a text"),
        ('{"input": "q", "target_scores": {"a": true}}', "must be a number, not true or false"),
        ('{"messages": "x"}', "a message must be an object, not a text"),
        ('{"messages": []}', "no turn with role 'user'"),
        ('{"messages": [{"role": "user", "content": {"a": 1}}]}', "something other than text"),
        ('{"messages": [{"role": "user"}]}', "'content' is empty"),
    ],
)
def test_a_case_of_the_wrong_form_is_refused(write: Write, text: str, said: str) -> None:
    assert said in error_of(write(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "line 1: header 'a', 'b' has none of"),
        ("question,answer\nq,a,b\n", "line 2: 3 cells under 2 headings"),
        ('question,answer\nq,a\n"q,a\n', "line 3: not CSV"),
        ("question,answer\n" + "q" * 200_000 + ",a\n", "line 2: not CSV"),
        ("question,answer\n,a\n", "line 2: 'question' is empty"),
    ],
)
def test_a_broken_table_is_refused(write: Write, text: str, said: str) -> None:
    assert said in error_of(write(text, "x.csv"))


@pytest.mark.parametrize("text", ["hello\n", '"\n', '"a\n', "<html>", "a,b\n"])
def test_an_unknown_form_is_refused_with_an_example(write: Write, text: str) -> None:
    assert "expected one case a line, such as" in error_of(write(text, "x"))


def test_a_document_without_a_list_is_refused(write: Write) -> None:
    assert "line 1, column 1: broken JSON" in error_of(write("hello", "x.json"))
    assert "expected a list of cases" in error_of(write("3", "x.json"))
    assert "expected a list of cases" in error_of(write('{"examples": {}}', "x.json"))


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x"])
def test_bytes_that_are_not_utf8_are_named_with_line_and_offset(write: Write, name: str) -> None:
    good = '{"question": "é", "answer": "a"}\n'.encode()
    path = write(good + good.replace("é".encode(), b"\xe9"), name)
    offset = len(good) + good.index("é".encode())
    if name != "x.csv":
        assert error_of(path).startswith(f"{path}, line 2: byte {offset} (0xe9) is not UTF-8")
    utf16 = write('{"question": "q", "answer": "a"}\n'.encode("utf-16"), name)
    assert error_of(utf16).startswith(f"{utf16}, line 1: byte 0 (0xff) is not UTF-8")


@pytest.mark.parametrize(
    ("name", "form"), [("x.jsonl", "{}"), ("x.json", "[{}]"), ("x.csv", "{}"), ("x", "{}")]
)
def test_a_line_of_200_megabytes_is_refused_without_being_held(
    tmp_path: Path, name: str, form: str
) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:
        stream.write(form[:-1].encode() + b'"question": "')
        # A hole of zero bytes: long for the reader, nothing on the disk.
        stream.truncate(200 * 1024 * 1024)
    tracemalloc.start()
    try:
        message = error_of(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "bytes" in message
    assert peak < (160 if name in {"x.json", "x"} else 20) * 1024 * 1024


def test_a_line_at_the_limit_is_read(write: Write) -> None:
    frame = '{"question": "", "answer": "a"}\n'
    line = frame.replace('""', f'"{"q" * (LINE_LIMIT - len(frame))}"', 1)
    assert len(line) == LINE_LIMIT
    assert len(read_cases(write(line)).cases) == 1
    assert "line 1: longer than" in error_of(write("{" + line[1:].replace("q", "qqq", 1)))


def test_a_long_file_is_streamed_in_bounded_memory(write: Write) -> None:
    line = json.dumps({"question": "q" * 1000}) + "\n"
    path = write(line * 5_000)
    tracemalloc.start()
    try:
        count = sum(1 for _ in iter_questions(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 5_000
    assert peak < 1024 * 1024


def test_a_missing_file_a_directory_and_a_name_that_is_none_are_refused(tmp_path: Path) -> None:
    assert error_of(tmp_path / "no").startswith("no such file: ")
    assert "is a directory" in error_of(tmp_path)
    assert "not a path" in error_of("a\0b")
    assert "cannot read" in error_of("x" * 5000)


# --- any bytes -------------------------------------------------------------------------------

CASE_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "question answer input target target_scores prompt completion "
                "messages role content text user assistant examples".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(["x.jsonl", "x.json", "x.csv", "x.tsv", "x"])


def check_total(directory: Path, name: str, data: bytes) -> None:
    path = directory / name
    path.write_bytes(data)
    try:
        file = read_cases(path)
    except CasesError as error:
        message = str(error)
    else:
        message = ""
        assert file.cases
        assert all(c.question.strip() and c.answer.strip() for c in file.cases)
    assert len(message.splitlines()) <= 1
    try:
        assert all(asked.question.strip() for asked in iter_questions(path))
    except CasesError:
        return


@given(NAMES, st.binary(max_size=300))
def test_any_bytes_give_cases_or_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes
) -> None:
    check_total(tmp_path_factory.getbasetemp(), name, data)


@given(NAMES, st.text(max_size=200))
def test_any_text_gives_cases_or_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: str
) -> None:
    check_total(tmp_path_factory.getbasetemp(), name, text.encode("utf-8", "surrogatepass"))


@given(NAMES, st.lists(CASE_LIKE, max_size=3), st.booleans())
def test_any_json_gives_cases_or_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, values: list[object], whole: bool
) -> None:
    text = json.dumps(values) if whole else "\n".join(map(json.dumps, values))
    check_total(tmp_path_factory.getbasetemp(), name, text.encode())


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_what_was_written_as_json_lines_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cases: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "back.jsonl"
    wanted = [(q, a) for q, a in cases if q.strip() and a.strip() and "\0" not in q + a]
    lines = [json.dumps({"question": q, "answer": a}, ensure_ascii=False) for q, a in wanted]
    path.write_bytes("\n".join(lines).encode())
    if wanted:
        assert [(a.question, a.answer) for a in iter_questions(path)] == wanted
