"""Everyday families: logs, rows and messages that become JSON, and small tables.

Dice flow in, a question with its answer flows out. Invariant: every value of an answer is
copied from its question or counted in it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from latm.bench.families.family import Asked, Dice, drawn

_PEOPLE = (
    "Marta Nowak|Tom Becker|Aisha Rahman|Luca Romano|Sofia Lindqvist|James O'Connor|Yuki Tanaka|"
    "Carlos Mendes|Nina Petrova|Omar Haddad|Julia Weber|Peter van Dijk|Rosa Alvarez|Henry Clarke"
).split("|")
_GOODS = (
    "desk lamp|coffee grinder|yoga mat|water bottle|phone case|notebook A5|wireless mouse|"
    "travel mug|picture frame|garden hose|paper lantern|bike pump"
).split("|")


def _json(**values: str | int | float) -> str:
    return json.dumps(values)


def _ip(dice: Dice) -> str:
    return ".".join(str(dice.randint(1, 254)) for _ in range(4))


def _moment(dice: Dice) -> datetime:
    return datetime(2023, 1, 1) + timedelta(seconds=dice.randrange(100_000_000))


def _access_log(dice: Dice) -> Asked:
    ip, status = (
        _ip(dice),
        dice.choice([200, 200, 200, 201, 204, 301, 304, 400, 403, 404, 500, 503]),
    )
    method = dice.choice(["GET", "GET", "GET", "POST", "PUT", "DELETE"])
    path = dice.choice(["/api/users/{n}", "/login", "/static/app.{n}.js", "/orders?page={n}", "/"])
    path, size = path.format(n=dice.randint(1, 9_999)), dice.randint(0, 250_000)
    user = dice.choice(["-", "-", "alice", "bot7"])
    return (
        "Turn this access log line into JSON with the keys ip, method, path, status (number) and "
        f"bytes (number).\n\n{ip} - {user} [{_moment(dice):%d/%b/%Y:%H:%M:%S} +0000] "
        f'"{method} {path} HTTP/1.1" {status} {size}',
        _json(ip=ip, method=method, path=path, status=status, bytes=size),
    )


def _key_values(dice: Dice) -> Asked:
    level, ms = dice.choice(["info", "warn", "error", "debug"]), dice.randint(1, 30_000)
    service = dice.choice(["billing", "auth", "search", "mailer", "gateway", "inventory"])
    message = dice.choice(
        ["request done", "retrying upstream", "cache miss", "connection reset by peer", "timeout"]
    )
    trace = dice.choice("abcdef") + f"{dice.getrandbits(44):011x}"  # never read as a number
    return (
        f'level={level} service={service} msg="{message}" duration_ms={ms} trace={trace}\n\n'
        "Parse the log line above into a JSON object; numbers as numbers.",
        _json(level=level, service=service, msg=message, duration_ms=ms, trace=trace),
    )


def _csv_row(dice: Dice) -> Asked:
    name, city = (
        dice.choice(_PEOPLE),
        dice.choice("Oslo Porto Leeds Gdansk Lyon Graz Turin".split()),
    )
    key, seats = dice.randint(1_000, 99_999), dice.randint(1, 250)
    plan = dice.choice(["free", "team", "business", "enterprise"])
    active = dice.random() < 0.6
    answer = {"id": key, "name": name, "city": city, "plan": plan, "seats": seats, "active": active}
    row = ",".join([str(key), name, city, plan, str(seats), str(active).lower()])
    return (
        "Convert the CSV row to a JSON object. id and seats are integers, active is a boolean.\n"
        f"id,name,city,plan,seats,active\n{row}",
        json.dumps(answer),
    )


def _order_mail(dice: Dice) -> Asked:
    number, count = f"{dice.choice('ABCDEFG')}-{dice.randint(10_000, 99_999)}", dice.randint(1, 40)
    name, thing = dice.choice(_PEOPLE), dice.choice(_GOODS)
    town = dice.choice(
        "Bremen Ghent Malmo Bristol Nantes Seville Basel Verona Cork Utrecht".split()
    )
    greeting = dice.choice(["Hello", "Hi there", "Dear team", "Good morning"])
    text = dice.choice(
        [
            f"I'd like to order {count} x {thing}, to be delivered to {town}. My customer number "
            f"is {number}.\n\nBest regards\n{name}",
            f"please send {count} x {thing} to our branch in {town} (customer number {number}).\n\n"
            f"Thanks,\n{name}",
        ]
    )
    return (
        "Extract customer, name, item, quantity (number) and city from the e-mail as JSON.\n\n"
        f"{greeting},\n\n{text}",
        _json(customer=number, name=name, item=thing, quantity=count, city=town),
    )


def _syslog(dice: Dice) -> Asked:
    program, pid = (
        dice.choice(["sshd", "cron", "nginx", "kernel-audit", "postfix/smtpd"]),
        dice.randint(2, 64_000),
    )
    host = f"{dice.choice(['web', 'db', 'cache', 'build'])}-{dice.randint(1, 40):02}"
    message = dice.choice(
        [
            f"Accepted publickey for deploy from {_ip(dice)} port {dice.randint(1024, 65535)} ssh2",
            f"connect from unknown[{_ip(dice)}]",
            f"worker process {dice.randint(100, 9_999)} exited with code {dice.randint(0, 3)}",
            "session closed for user root",
        ]
    )
    return (
        f"{_moment(dice):%b %d %H:%M:%S} {host} {program}[{pid}]: {message}\n\nGive host, program, "
        "pid (integer) and message of this syslog line as JSON.",
        _json(host=host, program=program, pid=pid, message=message),
    )


def _address(dice: Dice) -> Asked:
    street = (
        f"{dice.randint(1, 9_999)} {dice.choice(['Oak', 'Maple', 'Sunset', 'N 5th', 'Lake View'])}"
    )
    street += dice.choice([" Street", " Ave", " Blvd", " Rd", " Lane"])
    city, state = dice.choice(
        [
            *(("Springfield", "IL"), ("Portland", "OR"), ("Salt Lake City", "UT")),
            *(("St. Paul", "MN"), ("Fort Wayne", "IN"), ("Reno", "NV"), ("Boise", "ID")),
        ]
    )
    code = f"{dice.randint(501, 99_950):05}"
    return (
        f"Split the address into street, city, state and zip (a string) and return JSON: {street}, "
        f"{city}, {state} {code}",
        _json(street=street, city=city, state=state, zip=code),
    )


_CAMPAIGNS = ("spring", "launch", "black-friday", "webinar")


def _query(dice: Dice) -> Asked:
    values = {
        "utm_source": dice.choice(["newsletter", "google", "linkedin", "partner"]),
        "utm_medium": dice.choice(["email", "cpc", "social", "banner"]),
        "utm_campaign": f"{dice.choice(_CAMPAIGNS)}-{dice.randint(1, 99)}",
        "ref": f"{dice.getrandbits(24):06x}",
    }
    wanted = "utm_campaign"
    keys = [wanted, *dice.sample(sorted(values.keys() - {wanted}), dice.randint(0, 3))]
    dice.shuffle(keys)
    page = dice.choice(["pricing", "blog/post", "", "signup", "docs/start"])
    query = "&".join(f"{key}={values[key]}" for key in keys)
    return (
        f"Which campaign does this link belong to (value of {wanted})? https://www.example.com/{page}"
        f"?{query}",
        values[wanted],
    )


# --- tables ----------------------------------------------------------------------------


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _column_sum(dice: Dice) -> Asked:
    goods = dice.sample(_GOODS, dice.randint(3, 7))
    counts, prices = ([dice.randint(1, 900) for _ in goods] for _ in range(2))
    rows = [[g, str(n), f"{p / 100:.2f}"] for g, n, p in zip(goods, counts, prices, strict=True)]
    return (
        f"{_table(['item', 'units', 'price'], rows)}\n\nHow many units are that in total?",
        str(sum(counts)),
    )


def _row_maximum(dice: Dice) -> Asked:
    people = dice.sample(_PEOPLE, dice.randint(3, 8))
    sales = dice.sample(range(200, 99_000), len(people))
    regions = [dice.choice(["North", "South", "East", "West"]) for _ in people]
    rows = [[p, r, f"{s}"] for p, r, s in zip(people, regions, sales, strict=True)]
    return (
        f"Who had the highest sales? Name only.\n\n{_table(['name', 'region', 'sales'], rows)}",
        people[sales.index(max(sales))],
    )


_CHORES = (
    "book the venue|send invitations|order badges|update the website|pay the deposit|print flyers|"
    "brief the speakers|test the projector|rent chairs|collect feedback|write the press release"
).split("|")


def _open_tasks(dice: Dice) -> Asked:
    chores = dice.sample(_CHORES, dice.randint(4, 9))
    done = [dice.random() < 0.5 for _ in chores]
    marks = "\n".join(f"- [{'x' if d else ' '}] {c}" for d, c in zip(done, chores, strict=True))
    return f"How many of these are still to do?\n{marks}", str(done.count(False))


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("access-log-to-json", _access_log),
        ("key-values-to-json", _key_values),
        ("csv-row-to-json", _csv_row),
        ("order-mail-to-json", _order_mail),
        ("syslog-to-json", _syslog),
        ("address-to-json", _address),
        ("link-campaign", _query),
        ("table-column-sum", _column_sum),
        ("table-row-maximum", _row_maximum),
        ("open-tasks", _open_tasks),
    )
)
