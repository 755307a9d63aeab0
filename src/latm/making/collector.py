"""The collector: misses flow in one by one, the classes that they make up flow out.

    miss → a class whose template matches
             └ none → the pool → enough that are alike → induction → a class is born,
                                                                     or one grows

Invariants: pure; classes and questions of two fingerprints never meet, so no tenant learns
from another; memory is bounded, what was not seen for longest makes room; what a miss costs
follows the length of its question, not the number of classes. Every miss of a batch is
joined to a class, given up, or still waiting.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from latm.identity import canonical_json, digest, plain
from latm.induction import MIN_CLUSTER, Cluster, fixed_words, induce
from latm.induction.slots import vague
from latm.making.filing import Files, Postings, keys_of, keys_of_template
from latm.making.pool import Pool, Waiting
from latm.store.observed import Born, Grouping, Miss
from latm.store.toolbox import NAME
from latm.templates import Matcher
from latm.types import Template

LONGEST = 8_000
"""Characters; a longer question is data with a question in it, and costs too much to align."""
SAMPLE = 8
"""Questions of a class that are at hand, to tell whether others are of it as well."""
_ALIKE = 11
_LEAST = 5
_CANDIDATES = 3
_NAME_WORDS = 5


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be kept in memory.

    Attributes:
        waiting: different questions in the pools; ``each``: in the pool of a fingerprint.
    """

    classes: int = 2000
    waiting: int = 4096
    each: int = 256


@dataclass(frozen=True, slots=True)
class Known:
    """A class that was found earlier.

    Attributes:
        sample: a few of its questions.
        kept: it never makes room: there are tools, or a job.
        loose: its answers have nothing in common, so it may be several classes in one.
    """

    born: Born
    sample: tuple[str, ...] = ()
    kept: bool = False
    loose: bool = False


@dataclass(slots=True)
class _Class:
    name: str
    template: Template
    matcher: Matcher
    keys: frozenset[str]
    sample: tuple[str, ...]
    kept: bool
    loose: bool

    @property
    def tightness(self) -> int:
        return sum(map(len, self.template.literals))


@dataclass(slots=True)
class _Corner:
    """All that is known of one fingerprint."""

    pool: Pool
    files: Files = field(default_factory=Files)
    likely: Postings[str] = field(default_factory=Postings[str])


class Collector:
    """Groups misses; one process at a time has one."""

    def __init__(self, bounds: Bounds = Bounds(), known: Iterable[Known] = ()) -> None:
        self._bounds = bounds
        self._classes: OrderedDict[str, _Class] = OrderedDict()
        self._where: dict[str, str] = {}
        self._corners: OrderedDict[str, _Corner] = OrderedDict()
        self._waiting = 0
        self._touched = 0
        self._induced = 0
        self._news = _News()
        for one in known:
            self._add(one.born, one.sample, kept=one.kept, loose=one.loose)
        # What has no room any more is only out of sight: it stays on record.
        self._news = _News()

    @property
    def size(self) -> tuple[int, int]:
        """How many classes and how many different questions are in memory."""
        return len(self._classes), self._waiting

    @property
    def work(self) -> tuple[int, int]:
        """How many entries were looked at so far, and how often texts were aligned."""
        corners = self._corners.values()
        now = sum(c.files.touched + c.likely.touched + c.pool.touched for c in corners)
        return self._touched + now, self._induced

    def take(self, misses: Sequence[Miss]) -> Grouping:
        """Group misses that were not given before, in the order they came."""
        self._news = _News()
        for miss in misses:
            self._take(miss.fingerprint, miss.question.strip(), miss.number)
        return self._news.grouping()

    def loosen(self, name: str, *, loose: bool) -> None:
        """Say whether the answers of a class have nothing in common."""
        if name in self._classes:
            self._classes[name].loose = loose

    # --- one miss ------------------------------------------------------------------------

    def _take(self, fingerprint: str, question: str, number: int) -> None:
        if len(question) > LONGEST:
            self._news.gone.append(number)
            return
        corner = self._corner(fingerprint)
        found = self._match(corner, question)
        if found is not None and not found.loose:
            self._join(found, [number])
        elif question in corner.pool:
            over = corner.pool.again(question, number)
            self._news.gone += [] if over is None else [over]
        else:
            item, over = corner.pool.add(question, number)
            self._waiting += 1
            if over is not None:
                self._let_go(corner, over)
            self._try(fingerprint, corner, item)
        self._make_room()

    def _match(self, corner: _Corner, question: str) -> _Class | None:
        """The class that a question belongs to: of those that match, the tightest."""
        names = corner.files.under(keys_of(question))
        found = [self._classes[n] for n in names if n in self._classes]
        matching = [one for one in found if one.matcher.texts(question) is not None]
        order = sorted(matching, key=lambda one: (one.loose, -one.tightness, one.name))
        return order[0] if order else None

    def _join(self, one: _Class, numbers: Iterable[int]) -> None:
        self._news.joined.update(dict.fromkeys(numbers, one.name))
        self._classes.move_to_end(one.name)

    # --- finding classes -----------------------------------------------------------------

    def _try(self, fingerprint: str, corner: _Corner, item: Waiting) -> None:
        """Look for a class among the questions that are like a new one.

        A try takes as many fresh questions as make a cluster, so there are fewer tries than
        misses, whatever they are.
        """
        group = [item, *corner.pool.like(item, _ALIKE)]
        if sum(one.fresh for one in group) < MIN_CLUSTER:
            return
        for one in group:
            one.fresh = False
        for cluster in self._induce([one.question for one in group]):
            members = [group[n] for n in cluster.members]
            if cluster.template is None or not _says_enough(cluster.template):
                continue
            home = self._home(corner, cluster.template, members)
            if home is None and len(members) >= _LEAST:
                home = self._birth(fingerprint, corner, cluster.template, members)
            if home is not None:
                self._take_out(corner, home, members)

    def _home(
        self, corner: _Corner, template: Template, members: Sequence[Waiting]
    ) -> _Class | None:
        """The class that grows by questions, if one template can be both."""
        texts = [one.question for one in members]
        keys = keys_of_template(template)
        shared = corner.likely.shared(keys)
        likely = sorted(shared, key=lambda name: (-shared[name], name))[:_CANDIDATES]
        for one in (self._classes[name] for name in likely):
            if one.loose or 2 * shared[one.name] < min(len(keys), len(one.keys)):
                continue
            both = (*one.sample, *texts)
            found = self._induce(both)
            grown = found[0].template if len(found[0].members) == len(both) else None
            # What is fixed in both, and not the same, is what tells them apart.
            most = max(len(one.template.slots), len(template.slots))
            if grown is not None and len(grown.slots) <= most and _says_enough(grown):
                self._grow(corner, one, grown, texts)
                return one
        return None

    def _grow(self, corner: _Corner, one: _Class, template: Template, texts: Sequence[str]) -> None:
        self._unfile(corner, one)
        one.template, one.matcher = template, Matcher(template)
        one.keys = keys_of_template(template)
        one.sample = (*texts[: SAMPLE // 2], *one.sample)[:SAMPLE]
        self._news.grown[one.name] = template
        self._file(corner, one)

    def _birth(
        self, fingerprint: str, corner: _Corner, template: Template, members: Sequence[Waiting]
    ) -> _Class | None:
        """A new class; none where a class matches these questions that is as tight."""
        texts = [one.question for one in members]
        covering = [self._match(corner, text) for text in texts]
        tightness = sum(map(len, template.literals))
        if any(one is not None and one.tightness >= tightness for one in covering):
            return None
        born = Born(name_of(fingerprint, template), fingerprint, template)
        if born.name in self._where:
            return None
        self._news.born[born.name] = born
        return self._add(born, tuple(texts[:SAMPLE]), kept=False, loose=False)

    def _take_out(self, corner: _Corner, home: _Class, members: Sequence[Waiting]) -> None:
        for one in members:
            if home.matcher.texts(one.question) is None or one.question not in corner.pool:
                continue
            corner.pool.remove(one)
            self._waiting -= 1
            self._join(home, one.numbers)

    def _induce(self, texts: Sequence[str]) -> tuple[Cluster, ...]:
        self._induced += 1
        return induce(texts)

    # --- room ----------------------------------------------------------------------------

    def _corner(self, fingerprint: str) -> _Corner:
        corner = self._corners.get(fingerprint)
        if corner is None:
            corner = self._corners[fingerprint] = _Corner(Pool(self._bounds.each))
        self._corners.move_to_end(fingerprint)
        return corner

    def _add(self, born: Born, sample: tuple[str, ...], *, kept: bool, loose: bool) -> _Class:
        matcher, keys = Matcher(born.template), keys_of_template(born.template)
        one = _Class(born.name, born.template, matcher, keys, sample, kept, loose)
        self._classes[born.name] = one
        self._where[born.name] = born.fingerprint
        self._file(self._corner(born.fingerprint), one)
        return one

    def _file(self, corner: _Corner, one: _Class) -> None:
        corner.likely.add(one.name, one.keys)
        ousted = corner.files.add(one.name, one.keys)
        if ousted is not None:
            self._drop(ousted)

    def _unfile(self, corner: _Corner, one: _Class) -> None:
        corner.likely.remove(one.name, one.keys)
        corner.files.remove(one.name)

    def _drop(self, name: str) -> None:
        one, fingerprint = self._classes.pop(name), self._where.pop(name)
        self._unfile(self._corners[fingerprint], one)
        self._news.drop(name)
        self._forget(fingerprint)

    def _make_room(self) -> None:
        """Drop what was not seen for longest, until everything is within its bounds."""
        while len(self._classes) > self._bounds.classes:
            free = (name for name, one in self._classes.items() if not one.kept)
            self._drop(next(free, next(iter(self._classes))))
        while self._waiting > self._bounds.waiting:
            fingerprint, corner = next(
                (key, corner) for key, corner in self._corners.items() if len(corner.pool)
            )
            self._let_go(corner, corner.pool.oldest())
            self._forget(fingerprint)

    def _let_go(self, corner: _Corner, item: Waiting) -> None:
        """A question leaves the pool: a loose class has it, or nobody."""
        self._waiting -= 1
        found = self._match(corner, item.question)
        if found is not None:
            self._join(found, item.numbers)
        else:
            self._news.gone += item.numbers

    def _forget(self, fingerprint: str) -> None:
        """Drop a corner with nothing in it."""
        corner = self._corners[fingerprint]
        if len(corner.pool) or len(corner.files):
            return
        self._touched += corner.files.touched + corner.likely.touched + corner.pool.touched
        del self._corners[fingerprint]


@dataclass(slots=True)
class _News:
    """What a batch came to so far."""

    born: dict[str, Born] = field(default_factory=dict[str, Born])
    grown: dict[str, Template] = field(default_factory=dict[str, Template])
    joined: dict[int, str] = field(default_factory=dict[int, str])
    gone: list[int] = field(default_factory=list[int])
    dropped: list[str] = field(default_factory=list[str])

    def drop(self, name: str) -> None:
        """A class is no longer kept; one of this batch never was."""
        self.grown.pop(name, None)
        if self.born.pop(name, None) is None:
            self.dropped.append(name)
        lost = [number for number, of in self.joined.items() if of == name]
        for number in lost:
            del self.joined[number]
        self.gone += lost

    def grouping(self) -> Grouping:
        born: tuple[Born, ...] = tuple(self.born.values())
        grown: Mapping[str, Template] = self.grown
        return Grouping(born, grown, self.joined, tuple(self.gone), tuple(self.dropped))


def _says_enough(template: Template) -> bool:
    """Whether fixed text tells more than that something is asked."""
    if not template.slots:
        return False
    return fixed_words(template) >= (3 if any(map(vague, template.slots)) else 2)


def name_of(fingerprint: str, template: Template) -> str:
    """A tool's name: a few fixed words, and what makes it the only one."""
    words = (word for literal in template.literals for word in literal.casefold().split())
    plain_words = ("".join(c for c in word if c.isascii() and c.isalnum()) for word in words)
    first = [word for word in plain_words if len(word) > 1][:_NAME_WORDS]
    unique = digest(canonical_json([fingerprint, plain(template)]))[:8]
    name = "-".join([*first, unique]) if first else f"class-{unique}"
    return name if NAME.fullmatch(name) else f"class-{unique}"
