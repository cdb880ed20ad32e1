"""The table: a row per number, with what was promised of it."""
import json


def shown(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"


class Report:
    def __init__(self):
        self.rows, self.notes = [], []

    def add(self, section, what, unit, volta, prometheus=None, victoria=None, promises=(), better="less"):
        """`promises`: pairs of a text and whether it was kept. `better`: less or more."""
        peers = [value for value in (prometheus, victoria) if value]
        best = (min(peers) if better == "less" else max(peers)) if peers else None
        row = {"section": section, "what": what, "unit": unit, "volta": volta, "prometheus": prometheus, "victoriametrics": victoria,
               "ratio_to_better_peer": volta / best if best and isinstance(volta, (int, float)) else None,
               "promises": [{"promise": text, "met": bool(met)} for text, met in promises]}
        self.rows.append(row)
        print("  " + self.line(row), flush=True)
        return row

    def note(self, text):
        self.notes.append(text)
        print(f"  note: {text}", flush=True)

    @staticmethod
    def line(row):
        promises = "; ".join(f"{promise['promise']}: **{'met' if promise['met'] else 'missed'}**" for promise in row["promises"])
        return (f"| {row['what']} | {row['unit']} | {shown(row['volta'])} | {shown(row['prometheus'])} | {shown(row['victoriametrics'])} | "
                f"{shown(row['ratio_to_better_peer'])} | {promises} |")

    def markdown(self, head):
        lines = [head, "", "| what | unit | volta | Prometheus | VictoriaMetrics | volta / better peer | promise |", "|---|---|---|---|---|---|---|"]
        lines += [self.line(row) for row in self.rows]
        missed = [f"{row['what']}: {promise['promise']}" for row in self.rows for promise in row["promises"] if not promise["met"]]
        kept = sum(promise["met"] for row in self.rows for promise in row["promises"])
        lines += ["", f"{kept} promises met, {len(missed)} missed" + ("".join(f"\n- missed: {text}" for text in missed)), ""]
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines) + "\n"

    def write(self, folder, head, facts):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "store.json").write_text(json.dumps({**facts, "rows": self.rows, "notes": self.notes}, indent=1) + "\n")
        text = self.markdown(head)
        (folder / "store.md").write_text(text)
        return text
