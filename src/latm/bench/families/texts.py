"""Everyday families: cleaning up and cutting out text.

Dice flow in, a question with its answer flows out. Invariant: the answer is made of the
question's own characters, or counts them.
"""

from __future__ import annotations

import re

from latm.bench.families.family import Asked, Dice, drawn

_FIRST = (
    "anna|mehmet|jean-luc|maria|sven|li|olivia|anne-marie|pedro|fatima|george|ingrid|kofi|elena|"
    "dmitri|grace|noor|patrick|rosalind|tariq|ulrike|walter|yara|zoe"
).split("|")
_LAST = (
    "smith|garcia|keller|nguyen|okafor|silva|schmidt|jensen|kowalski|haddad|marino|larsen|dubois|"
    "papadopoulos|yilmaz|fischer|novak|fernandez-diaz|berg|lund|tanaka|moreau|stone|hart"
).split("|")


def _full(name: str) -> str:
    return re.sub(r"[a-z]+", lambda m: m[0].capitalize(), name)


def _person(dice: Dice) -> tuple[str, str]:
    return _full(dice.choice(_FIRST)), _full(dice.choice(_LAST))


def _title_case(dice: Dice) -> Asked:
    first, last = _person(dice)
    middle = f" {dice.choice('ABCDEFGHJKLMNPRSTW')}." if dice.random() < 0.3 else ""
    name = f"{first}{middle} {last}"
    mess = dice.choice([str.upper, str.lower, str.swapcase])(name)
    return f"Fix the capitalisation of this contact's name: {mess}", name


_TAGS = (
    "urgent|backend|ui|docs|bug|wontfix|billing|api|good first issue|security|design|mobile|infra|"
    "performance|research|customer"
).split("|")


def _dedupe(dice: Dice) -> Asked:
    tags = dice.sample(_TAGS, dice.randint(3, 7))
    noisy = [*tags, *dice.choices(tags, k=dice.randint(1, 5))]
    dice.shuffle(noisy)
    return (
        f"Remove duplicates from this list, keep the order of first appearance: {', '.join(noisy)}",
        ", ".join(dict.fromkeys(noisy)),
    )


def _last_name_order(dice: Dice) -> Asked:
    lasts = dice.sample(_LAST, dice.randint(3, 7))
    people = [f"{_full(dice.choice(_FIRST))} {_full(last)}" for last in lasts]
    answer = sorted(people, key=lambda person: person.split()[1])
    return (
        "Sort the attendees by last name, one per line.\n\n" + "\n".join(people),
        "\n".join(answer),
    )


def _mask_mail(dice: Dice) -> Asked:
    first, last = (part.lower() for part in _person(dice))
    user = dice.choice([f"{first}.{last}", f"{first}{dice.randint(1, 99)}", f"{first[0]}{last}"])
    host = dice.choice("example.com mail.test acme.org corp.example shop.example.net".split())
    return (
        f"Mask the e-mail address for the log: first character, three asterisks, then @ and the "
        f"domain. {user}@{host}",
        f"{user[0]}***@{host}",
    )


def _mask_card(dice: Dice) -> Asked:
    number = f"{dice.choice('3456')}{dice.randrange(10**15):015}"
    blocks = [number[i : i + 4] for i in range(0, 16, 4)]
    mark = dice.choice(["", " ", "-"])
    return (
        f"Mask all but the last four digits with *, keep the separators as they are: "
        f"{mark.join(blocks)}",
        mark.join(["****"] * 3 + blocks[3:]),
    )


_PHRASES = (
    "Loved the keynote|Shipping day|Back from the trade fair|Our new office is open|"
    "Just released 2.0|So proud of this crew|Coffee first|Two days of workshops|"
    "Thanks to everyone who came|We are hiring"
).split("|")
_HASHTAGS = (
    "TeamWork|launch|DevOps|opensource|Berlin2025|ux|AI|monday|behindthescenes|startup|Python|"
    "women_in_tech|greenenergy|events"
).split("|")


def _hashtags(dice: Dice) -> Asked:
    tags = ["#" + tag for tag in dice.sample(_HASHTAGS, dice.randint(2, 5))]
    phrases = dice.sample(_PHRASES, dice.randint(2, 3))
    words = [*tags[1:], *(phrase + dice.choice(["!", ".", " :)"]) for phrase in phrases)]
    dice.shuffle(words)
    post = f"{' '.join(words)} {tags[0]}"
    return (
        f'List the hashtags of the post in order, separated by spaces.\nPost: "{post}"',
        " ".join(re.findall(r"#\w+", post)),
    )


_SENTENCES = (
    "The delivery arrived two days late|Please call me back tomorrow|It works fine on my laptop|"
    "Nobody answered the door|The invoice shows the wrong address|I would buy it again|"
    "Both boxes were damaged|The colour is nicer than in the picture|My order is still missing|"
    "Support was quick and friendly|There was no manual in the package|We changed our mind"
).split("|")


def _count_words(dice: Dice) -> Asked:
    chosen = dice.sample(_SENTENCES, dice.randint(2, 6))
    text = ". ".join(chosen) + "."
    return f'How many words are in this review? "{text}"', str(len(text.split()))


def _initials(dice: Dice) -> Asked:
    first, last = _person(dice)
    second = f" {_full(dice.choice(_FIRST))}" if dice.random() < 0.4 else ""
    name = f"{first}{second} {last}"
    return (
        f"Initials for the avatar of {name}? One letter per name part, hyphenated parts count as "
        "one, no dots.",
        "".join(part[0] for part in name.split()),
    )


def _flip(dice: Dice) -> Asked:
    people = [_person(dice) for _ in range(dice.randint(1, 5))]
    listed = "; ".join(f"{last}, {first}" for first, last in people)
    return (
        f'Rewrite these "Last, First" names as "First Last", separated by semicolons: {listed}',
        "; ".join(f"{first} {last}" for first, last in people),
    )


def _order_number(dice: Dice) -> Asked:
    order = f"{dice.choice('ABKMRT')}{dice.choice('CDEX')}-{dice.randint(10_000, 999_999)}"
    days, amount = dice.randint(2, 30), f"{dice.randint(500, 30_000) / 100:.2f}"
    message = dice.choice(
        [
            f"Hi, my order {order} from {days} days ago still hasn't arrived. Where is it?",
            f"I want to return order {order}, the size is wrong.",
            f"Can you cancel {order} please? I paid ${amount} by card.",
            f"You charged me ${amount} twice for order no. {order}!!",
            f"Invoice for order #{order} is missing, I need it within {days} days.",
            f"{order} - package damaged, please advise",
        ]
    )
    return f"What is the order number in this customer message?\n\n{message}", order


def _snake_case(dice: Dice) -> Asked:
    words = dice.sample(
        "user account order item total price created updated shipping address is active max retry "
        "count default page size last login external id".split(),
        dice.randint(2, 4),
    )
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    if dice.random() < 0.5:
        return (
            f"Rename the field for the Python client: {camel} (camelCase to snake_case)",
            "_".join(words),
        )
    return (
        f"Rename the field for the JavaScript client: {'_'.join(words)} (snake_case to camelCase)",
        camel,
    )


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("name-capitals", _title_case),
        ("dedupe-tags", _dedupe),
        ("sort-by-last-name", _last_name_order),
        ("mask-email", _mask_mail),
        ("mask-card-number", _mask_card),
        ("extract-hashtags", _hashtags),
        ("count-words", _count_words),
        ("avatar-initials", _initials),
        ("flip-names", _flip),
        ("find-order-number", _order_number),
        ("camel-and-snake-case", _snake_case),
    )
)
