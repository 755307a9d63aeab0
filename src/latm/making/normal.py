"""Normal forms: small functions that become part of a tool's source.

Plain data flows in, plain data in another form flows out. Invariant: each function is
whole by itself (its source is copied into tools and runs in either engine), leaves alone
what it does not know, and goes back by its partner.
"""

# The source of these functions is shipped in tools, where the names of types mean nothing.
# pyright: basic, reportUnknownMemberType=false


def latm_letter(value, options):
    """The letter of the option that a value names; None when none or several do."""
    wanted = str(value).strip().lower()
    found = [
        n
        for n, option in enumerate(options)
        if option == value or str(option).strip().lower() == wanted
    ]
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[found[0]] if len(found) == 1 else None


def latm_hours(value):
    """Times of the day as hours: "14:30" is 14.5, "09:00 - 10:30" is [9.0, 10.5]."""
    if isinstance(value, list):
        return [latm_hours(item) for item in value]
    if not isinstance(value, str):
        return value
    hours = []
    for part in value.split(" - "):
        digits = part.replace(":", "")
        if len(part) != 5 or part[2] != ":" or len(digits) != 4 or not digits.isdigit():
            return value
        hours.append(int(part[:2]) + int(part[3:]) / 60)
    return hours if len(hours) > 1 else hours[0]


def latm_clock(value):
    """Hours as times of the day: 14.5 is "14:30", [9.0, 10.5] is "09:00 - 10:30"."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list) and value and all(type(item) in (int, float) for item in value):
        return " - ".join([str(latm_clock(item)) for item in value])
    if isinstance(value, list):
        return [latm_clock(item) for item in value]
    if type(value) not in (int, float):
        return value
    minutes = round(value * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def latm_text(value):
    """A number or truth value as text, a list item by item."""
    if isinstance(value, (list, tuple)):
        return [latm_text(item) for item in value]
    return value if isinstance(value, str) or value is None else str(value)


def latm_number(value):
    """Text of a number as the number, a list item by item; other text as it is."""
    if isinstance(value, (list, tuple)):
        return [latm_number(item) for item in value]
    if not isinstance(value, str):
        return value
    digits = value.replace(",", "").strip()
    if digits.lstrip("+-").isdigit():
        return int(digits)
    whole, point, rest = digits.lstrip("+-").partition(".")
    return float(digits) if point and whole.isdigit() and rest.isdigit() else value


def latm_rounded(value, way):
    """A number as a whole one: the nearest, halves up or to even, or the one below or above."""
    from math import ceil, floor  # noqa: PLC0415 - the source is shipped by itself

    if type(value) is not float:
        return value
    if way == "half up":
        return floor(value + 0.5)
    return floor(value) if way == "down" else ceil(value) if way == "up" else round(value)


def latm_list(value):
    """A tuple or the values of a dictionary as a list; one value as a list of it."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def latm_first(value):
    """The only item of a list."""
    return value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value


def latm_unframed(value, before, after):
    """A text without the fixed words of the answer around it."""
    if not isinstance(value, str):
        return value
    value = value.strip()
    if before.strip() and value.startswith(before.strip()):
        value = value[len(before.strip()) :].strip()
    if after.strip() and value.endswith(after.strip()):
        value = value[: -len(after.strip())].strip()
    digits = value.lstrip("+-").replace(".", "", 1)
    if not digits.isdigit():
        return value
    return float(value) if "." in value else int(value)


def latm_joined(value, joint):
    """A list as one text."""
    return joint.join([str(item) for item in value]) if isinstance(value, (list, tuple)) else value


def latm_cut(value, joint):
    """One text as a list."""
    return value.split(joint) if isinstance(value, str) else value


def latm_lower(value):
    """Text in small letters."""
    return value.lower() if isinstance(value, str) else value


def latm_upper(value):
    """Text in capital letters."""
    return value.upper() if isinstance(value, str) else value


def latm_title(value):
    """Text with its first letter in capitals."""
    return value[:1].upper() + value[1:] if isinstance(value, str) else value


def latm_labelled(value, labels):
    """The label of a value; None for a value that has none."""
    found = [label for known, label in labels if type(known) is type(value) and known == value]
    return found[0] if found else None


def latm_same(value):
    """A text as it is; other values tell no cases apart."""
    return value if isinstance(value, str) else None


def latm_count(value):
    """How many numbers a text holds; other values tell no cases apart."""
    if not isinstance(value, str):
        return None
    digits = "".join([mark if mark in "0123456789" else " " for mark in value])
    return str(len(digits.split()))


def latm_form(value):
    """The form of a text: letters as a, digits as 0, runs as one; a number's sign."""
    if isinstance(value, (int, float)):
        return "negative" if value < 0 else "positive" if value > 0 else "zero"
    if not isinstance(value, str):
        return None
    form = ""
    for mark in value:
        kind = "a" if mark.isalpha() else "0" if mark.isdigit() else mark
        if kind not in ("a", "0") or not form.endswith(kind):
            form += kind
    return form


def latm_filled(fields, missing, values):
    """The fields with what was computed for the missing ones; None when it does not fit."""
    if not isinstance(values, (list, tuple)) or len(values) != len(missing):
        return None
    for number, value in zip(missing, values, strict=True):
        fields[number] = value
    return fields


def latm_reversed(value):
    """A list from its end."""
    return list(value)[::-1] if isinstance(value, (list, tuple)) else value


def latm_relabelled(value, labels, step):
    """The labels of a list's items, from its start or its end; None when one has none."""
    if not isinstance(value, (list, tuple)):
        return None
    named = []
    for item in list(value)[::step]:
        found = [label for known, label in labels if type(known) is type(item) and known == item]
        if not found:
            return None
        named.append(found[0])
    return named


def latm_day(value, form):
    """A date from its text; an error for another way of writing."""
    from datetime import datetime  # noqa: PLC0415 - the source is shipped by itself

    return datetime.strptime(value, form.replace("{day}", "%d")).date()


def latm_dated(value, form):
    """The text of a date; other values as they are."""
    from datetime import date  # noqa: PLC0415 - the source is shipped by itself

    if not isinstance(value, date):
        return value
    return value.strftime(form).replace("{day}", str(value.day))


def latm_numbers(value, points, letters):
    """The form of a text, with 0 for each number, and the numbers.

    Letters stay in the form, or a run of words is one a.
    """
    form, numbers, n = "", [], 0
    while n < len(value):
        start, end, seen = n, n, ""
        if value[n] == "-" and value[n - 1 : n] in ("", " "):
            end += 1
        while end < len(value) and (
            value[end] in "0123456789"
            or (
                points
                and value[end] == "."
                and seen.isdigit()
                and value[end + 1 : end + 2].isdigit()
            )
        ):
            seen, end = seen + value[end], end + 1
        if seen:
            number = float(seen) if "." in seen else int(seen)
            numbers.append(-number if value[start] == "-" else number)
            form, n = form + "0", end
        elif letters or not value[n].isalpha():
            form, n = form + value[n].lower(), n + 1
        else:
            while n < len(value) and (value[n].isalpha() or value[n : n + 2].strip().isalpha()):
                n += 1
            form += "a"
    return [form, numbers]


def latm_of_form(found, forms):
    """The form and the numbers of a text of a known form; an error for another form."""
    if found[0] not in forms:
        raise ValueError("no text of the form " + repr(found[0]) + " was seen")
    return found


def latm_framed(value, before, after, width):
    """A whole number between two texts, with leading zeros up to a width."""
    if type(value) is float and value == int(value):
        value = int(value)
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return before + str(value).zfill(width) + after if type(value) is int else value


def latm_beside(before, value, after):
    """A value as text between two others; None when there is none."""
    if type(value) is float and value == int(value):
        value = int(value)
    return None if value is None else str(before) + str(value) + str(after)
