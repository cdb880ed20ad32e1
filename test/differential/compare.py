"""When two answers of Prometheus' API are equal."""
import json
import math

TOLERANCE = 1e-5


def answer_of(envelope):
    """Of the API's JSON what is compared; the rows of vectors look as those of matrices do."""
    if envelope["status"] != "success":
        return envelope
    kind, rows = envelope["data"]["resultType"], envelope["data"]["result"]
    if kind in ("vector", "matrix"):
        rows = [{"metric": row["metric"], "values": row.get("values") or [row["value"]]} for row in rows]
    elif kind == "string":
        rows = rows[1]
    return {"status": "success", "type": kind, "result": rows}


def same_value(ours, theirs, tolerance):
    a, b = float(ours), float(theirs)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= tolerance * max(abs(a), abs(b)))


def difference(ours, theirs, in_order, tolerance=TOLERANCE):
    """"" or what differs first."""
    if ours["status"] != theirs["status"] or ours.get("errorType") != theirs.get("errorType"):
        return f"ours {outline(ours)}, theirs {outline(theirs)}"
    if ours["status"] == "error":
        return ""
    if ours["type"] != theirs["type"]:
        return f"type: ours {ours['type']}, theirs {theirs['type']}"
    if ours["type"] == "string":
        return "" if ours["result"] == theirs["result"] else "another text"
    if ours["type"] == "scalar":
        return "" if same_value(ours["result"][1], theirs["result"][1], tolerance) else f"ours {ours['result']}, theirs {theirs['result']}"
    keys = [[json.dumps(row["metric"], sort_keys=True) for row in answer["result"]] for answer in (ours, theirs)]
    if len(set(keys[0])) != len(keys[0]):
        return "ours has a label set twice"
    if sorted(keys[0]) != sorted(keys[1]):
        return f"labels: only ours {sorted(set(keys[0]) - set(keys[1]))[:3]}, only theirs {sorted(set(keys[1]) - set(keys[0]))[:3]}"
    if in_order and keys[0] != keys[1]:
        return "another order"
    expected = dict(zip(keys[1], theirs["result"]))
    for key, row in zip(keys[0], ours["result"]):
        other = expected[key]["values"]
        if [round(at * 1000) for at, _ in row["values"]] != [round(at * 1000) for at, _ in other]:
            return f"{key}: other steps: ours {len(row['values'])}, theirs {len(other)}"
        for (at, value), (_, want) in zip(row["values"], other):
            if not same_value(value, want, tolerance):
                return f"{key} at {at}: ours {value}, theirs {want}"
    return ""


def outline(answer):
    return f"{answer.get('errorType')}: {answer.get('error')}" if answer["status"] == "error" else f"{len(answer['result'])} rows"
