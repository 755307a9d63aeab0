"""A maker that knows the classes of `latm.bench.traffic`: for `latm bench stream`, without a model.

A prompt of the maker flows in, the function of the class that it is about flows out.
Invariant: it only writes; what it wrote is judged like anybody's, on cases it was not shown.
"""

from __future__ import annotations

import re
import textwrap

_HEAD = re.compile(r"^def (\w+)\((.*)\):$", re.MULTILINE)

# By words of the class's requests: the body of its function, with its arguments in `args`.
BODIES = {
    "Sort the following words alphabetically": "return sorted(args[0])",
    "How many words are in this review": "return len(args[0].split())",
    "Initials for the avatar": 'return "".join(part[0] for part in args[0].split())',
    "on the 24-hour clock": """
        time, half = args[0].split()
        hour, minute = time.split(":")
        late = 12 if half[0] in "pP" else 0
        return f"{int(hour) % 12 + late:02d}:{minute}"
    """,
    "Remove duplicates from this list": "return list(dict.fromkeys(args[0]))",
    "as an ordinal, like 7th": """
        number = int(args[-1])
        if number % 100 in (11, 12, 13):
            return f"{number}th"
        return str(number) + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    """,
    "Line total?": """
        cents = int(args[0].split(" ")[0]) * round(args[-1] * 100)
        return cents / 100
    """,
    "Fuel consumption in l/100 km": "return round(args[1] * 100 / args[0], 1)",
    'Rewrite these "Last, First" names': """
        return "; ".join(f"{first} {last}" for last, first in args[0])
    """,
    "What does a parcel of": """
        rates = {"domestic": (4.9, 7.9, 14.5), "EU": (9.9, 14.9, 27.0), "world": (16.5, 29.0, 58.0)}
        return rates[args[1]][0 if args[0] <= 2 else 1 if args[0] <= 5 else 2]
    """,
    "Grade by percentage": """
        return "FDCBA"[max(0, min(100 * args[1] // args[2] // 10 - 5, 4))]
    """,
    "Parking ticket: entry": """
        begin, end = [int(time[:-3]) * 60 + int(time[-2:]) for time in args]
        hours = -(-(end - begin) // 60)
        return min(250 + 180 * max(0, hours - 1), 1500) / 100
    """,
    "What day of the week is": """
        year, month, day = map(int, args[0].split("-"))
        if month < 3:
            month, year = month + 12, year - 1
        number = day + 13 * (month + 1) // 5 + year + year // 4 - year // 100 + year // 400
        names = ["Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
        return names[number % 7]
    """,
    "Sort the attendees by last name": """
        people = args[0].split("\\n")
        return "\\n".join(sorted(people, key=lambda person: person.split()[1]))
    """,
    "Finish time as H:MM:SS": """
        minutes, seconds = map(int, args[1].split(":"))
        total = round(args[0] * (60 * minutes + seconds))
        return f"{total // 3600}:{total % 3600 // 60:02d}:{total % 60:02d}"
    """,
}


def written(prompt: str) -> str:
    """The function that a prompt asks for; one that is wrong for a class it does not know."""
    head = _HEAD.search(prompt)
    name, names = (head[1], head[2]) if head else ("solve", "value")
    body = next((BODIES[words] for words in BODIES if words in prompt), "return None")
    lines = textwrap.dedent(body).strip()
    comma = "," if "," not in names else ""
    whole = f"args = ({names}{comma})\n{lines}" if "args" in lines else lines
    return f"def {name}({names}):\n{textwrap.indent(whole, '    ')}\n"
