"""The queries of the differential test: templates of our own that cover every function, modifier and matching rule.

Each entry of QUERIES is asked as an instant query and as a range query; SORTED ones must also come in the same order. WINDOWS are answered by tiers
alone, where times and steps are whole minutes; DASHBOARDS are those of packaging/grafana.
"""
from dashboards import all_expressions, filled_in

COUNTER, GAUGE, SMALL, ODD = "http_requests_total", "room_celsius", "workers", "odd_values"

RANGE_FUNCTIONS = [
    "rate", "irate", "increase", "delta", "idelta", "deriv", "resets", "changes", "avg_over_time", "min_over_time", "max_over_time",
    "sum_over_time", "count_over_time", "last_over_time", "present_over_time", "stddev_over_time", "stdvar_over_time", "absent_over_time",
]
VALUE_FUNCTIONS = [
    "abs", "ceil", "floor", "round", "sqrt", "exp", "ln", "log2", "log10", "sgn", "deg", "rad", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "timestamp",
]
DATE_FUNCTIONS = ["minute", "hour", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "month", "year"]
AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]


def selectors():
    yield from [
        COUNTER, GAUGE, SMALL, ODD, "gappy", "no_such_metric", "starts_late", "ends_early",
        'http_requests_total{code="500"}', 'http_requests_total{code!="500"}', 'http_requests_total{code=~"5.."}', 'http_requests_total{code!~"5..|404"}',
        'http_requests_total{instance=""}', 'http_requests_total{missing=""}', 'room_celsius{floor=""}', 'room_celsius{floor!=""}',
        '{__name__="workers"}', '{__name__=~"twin_.*"}', '{__name__=~"twin_.*",instance="a:1"}', '{job="api",__name__!~"http.*|request.*"}',
        "http_requests_total offset 5m", "http_requests_total offset -3m", "http_requests_total offset 1h", "room_celsius offset 1h30m15s",
        "room_celsius @ 1700003000.5", "room_celsius @ 1700003000.5 offset 7m", "room_celsius offset 7m @ 1700003000.5", "room_celsius @ start()",
        "room_celsius @ end()", "gappy @ end() offset 11m", "gappy offset 10m", "room_celsius @ 1",
    ]


def ranges():
    for function in RANGE_FUNCTIONS:
        for window in ("1m", "5m", "20m"):
            yield f"{function}({COUNTER}[{window}])"
        yield f"{function}({GAUGE}[7m])"
        yield f"{function}({ODD}[4m])"
        # Where a counter begins near zero, Prometheus 3 extrapolates less than 2.42 does: none of that here.
        yield f"{function}({COUNTER if function in ('rate', 'increase') else 'gappy'}[3m] offset 4m)"
        yield f"{function}({GAUGE}[10m] @ 1700003333.5)"
    for function in RANGE_FUNCTIONS[:10] + ["last_over_time"]:
        yield f"{function}({COUNTER}[40s])"
        yield f"{function}({SMALL}[12m:1m])"
        yield f"{function}({GAUGE}[30m:] offset 3m)"
        yield f"{function}(sum by (job) ({COUNTER})[10m:30s])"
    for window in ("2m", "15m"):
        for q in ("0", "0.25", "0.5", "0.9", "1", "-1", "2", "NaN", "scalar(vector(0.3))"):
            yield f"quantile_over_time({q}, {GAUGE}[{window}])"
        for seconds in ("60", "3600", "-600"):
            yield f"predict_linear({GAUGE}[{window}], {seconds})"
        yield f"predict_linear({GAUGE}[{window}] offset 5m, time() / 1e6)"
        for factors in ("0.1, 0.1", "0.5, 0.3", "0.9, 0.99", "NaN, 0.5", "0.5, NaN"):
            yield f"holt_winters({GAUGE}[{window}], {factors})"
    yield from [
        "rate(starts_late[5m])", "increase(starts_late[30m])", "rate(ends_early[5m])", "delta(ends_early[30m])", "rate(steady_total[5m])",
        "increase(steady_total[1h])", "irate(steady_total[1m])", "changes(odd_values[30m])", "resets(odd_values[30m])", "deriv(steady_total[10m])",
        "avg_over_time(huge[5m])", "sum_over_time(huge[5m])", "avg_over_time(tiny[5m])", "max_over_time(huge[5m])",
    ]


def subqueries():
    yield from [
        "rate(http_requests_total[5m])[10m:1m]", "max_over_time(rate(http_requests_total[2m])[20m:1m])", "avg_over_time(rate(http_requests_total[5m])[15m:])",
        "min_over_time((room_celsius - 5)[10m:45s])", "sum_over_time(vector(1)[5m:10s])", "count_over_time((room_celsius > 20)[10m:30s])",
        "max_over_time(max_over_time(room_celsius[5m])[10m:1m] offset 5m)", "avg_over_time(avg_over_time(room_celsius[190s:20s])[9m:1m])",
        "last_over_time(time()[3m:7s])", "sum_over_time(time()[3m:7s] offset 1m)", "max_over_time(timestamp(room_celsius)[5m:1m])",
        "avg_over_time(room_celsius[5m:1m] @ 1700003000.5)", "avg_over_time(room_celsius[5m:1m] @ end())", "avg_over_time((room_celsius @ start())[5m:1m])",
        "rate(http_requests_total[5m:15s])", "increase(http_requests_total[5m:15s] offset 2m)", "quantile_over_time(0.5, room_celsius[10m:1m])",
        "absent_over_time(no_such_metric[5m:1m])", 'absent_over_time(gappy{x="1"}[2m:10s])', "stddev_over_time(workers[10m:20s])",
        "deriv(avg by (floor) (room_celsius)[10m:30s])", "max_over_time(topk(2, room_celsius)[10m:1m])", "sum(sum_over_time(workers[6m:2m])) by (pool)",
    ]


def values():
    for function in VALUE_FUNCTIONS:
        yield f"{function}({GAUGE})"
        yield f"{function}({ODD})"
    for function in VALUE_FUNCTIONS[:10]:
        yield f"{function}(-{SMALL})"
    for function in DATE_FUNCTIONS:
        yield f"{function}()"
        yield f"{function}(vector(time()))"
        yield f"{function}(timestamp({GAUGE}) * 37)"
        yield f"{function}(vector(1709210096))"
        yield f"{function}(vector(-86401))"
    yield from [
        "round(room_celsius, 0.5)", "round(room_celsius, 7)", "round(-room_celsius, 0.1)", "round(odd_values, 2)", "clamp(room_celsius, 15, 22)",
        "clamp(room_celsius, 22, 15)", "clamp(odd_values, -1, 1)", "clamp_min(room_celsius, 20)", "clamp_max(room_celsius, 20)", "clamp_min(odd_values, NaN)",
        "clamp_max(odd_values, NaN)", "clamp(room_celsius, scalar(vector(16)), time() / 1e8)", "-room_celsius", "+room_celsius", "--room_celsius", "-odd_values",
        "scalar(room_celsius)", 'scalar(room_celsius{room="kitchen"})', "scalar(no_such_metric)", "vector(1)", "vector(time())", "time()", "pi()", "-time()",
        "vector(scalar(steady_total))", "scalar(sum(workers)) + 1", "timestamp(timestamp(room_celsius))", "timestamp(room_celsius offset 5m)",
        "timestamp((room_celsius))", "timestamp(room_celsius + 1)", "timestamp(room_celsius @ 1700003000.5)", "timestamp(vector(1))",
        "absent(no_such_metric)", 'absent(no_such_metric{a="b"})', 'absent(no_such_metric{a="b",c=~"d"})', 'absent(no_such_metric{a="b",a="c",d="e"})',
        "absent(room_celsius)", "absent(gappy)", 'absent(gappy{x="1"})', "absent(sum(no_such_metric))", 'absent(rate(no_such_metric{a="b"}[5m]))',
        'absent_over_time(no_such_metric{a="b",c!="d"}[5m])', "absent_over_time(gappy[1m])", 'absent_over_time(starts_late{job="api"}[5m])',
        'absent_over_time(no_such_metric{a="b"}[5m] offset 3m)', 'absent(no_such_metric{a="b"} @ 1700003000.5)',
    ]


def scalars():
    yield from [
        "1", "1 + 2 * 3", "2 ^ 3 ^ 2", "-1 ^ 2", "7 % 3", "-7 % 3", "7 % -3", "5.5 % 2.2", "1 / 0", "-1 / 0", "0 / 0", "1 % 0", "NaN", "Inf", "-Inf", "0x1f", "1e3",
        "1 == bool 1", "1 != bool 1", "NaN == bool NaN", "2 > bool 1", "1 >= bool NaN", "time() % 60", "1 atan2 2", "0 atan2 -1", "(1 + 2) * 3", "-(2 + 3)",
        "1 + time()", "time() > bool 1700003000", "pi() * 2", "1e308 * 10", "0.1 + 0.2",
    ]


def aggregations():
    for op in AGGREGATIONS:
        for clause in ("", " by (job)", " without (instance)", " by (job, code)", " by ()", " without ()", " by (missing)", " by (__name__)"):
            yield f"{op}{clause} ({COUNTER})"
        yield f"{op} by (floor) ({GAUGE})"
        yield f"{op} ({ODD})"
        if not op.startswith("std"):  # of one infinity 0 in 2.42, NaN in 3
            yield f"{op} by (kind) ({ODD})"
        yield f"{op} (huge)"
        yield f"{op} without (code) (rate({COUNTER}[5m]))"
        yield f'{op} by (instance) ({{__name__=~"twin_.*"}})'
        yield f"{op}(no_such_metric)"
    for op in ("topk", "bottomk"):  # of values without ties: there volta keeps the order of labels, Prometheus that of its heap
        for k in ("1", "2", "100", "0", "-1", "1.9"):
            yield f"{op}({k}, {GAUGE})"
        yield f"{op} by (job) (1, {COUNTER})"
        yield f"{op} without (code, method) (2, rate({COUNTER}[5m]))"
        yield f'{op}(6, {GAUGE} or {ODD}{{kind="only_nan"}})'
        yield f"{op}(100, {ODD})"
        yield f"{op}(scalar(vector(2)), {GAUGE} * 3 + on(room, floor) group_left {GAUGE})"
        yield f"{op}(2, {COUNTER} @ 1700003000.5)"
    for q in ("0", "0.3", "0.5", "1", "-0.5", "1.5", "NaN", "scalar(vector(0.7))"):
        yield f"quantile({q}, {GAUGE})"
        yield f"quantile by (job) ({q}, {COUNTER})"
        yield f"quantile({q}, {ODD})"
    for clause in ("", " by (pool)", " without (instance)", " by (value)", " without (value)", " by (pool, value)"):
        yield f'count_values{clause} ("value", {SMALL})'
    yield from [
        'count_values("pool", workers)', 'count_values without (pool) ("pool", workers)', 'count_values("v", odd_values)', 'count_values("v", huge)',
        'count_values("v", room_celsius * 0 - 1.5e-7)', "sum(sum by (job) (http_requests_total))", "max by (job) (sum without (code) (rate(http_requests_total[5m])))",
        "count(count by (instance) (http_requests_total))", "avg(avg_over_time(room_celsius[5m]))", "sum by (job) (http_requests_total) / count by (job) (http_requests_total)",
    ]


def nameless(op, operation):
    """Prometheus 2.42 forgets to drop the name under atan2; 3 drops it."""
    return f"sum without () ({operation})" if op == "atan2" else operation


def scalar_operators():
    for op in ARITHMETIC:
        for operation in (f"{GAUGE} {op} 3", f"3 {op} {GAUGE}", f"{ODD} {op} 2", f"{GAUGE} {op} time()"):
            yield nameless(op, operation)
    for op in COMPARISONS:
        for flag in ("", " bool"):
            yield f"{GAUGE} {op}{flag} 20"
            yield f"20 {op}{flag} {GAUGE}"
            yield f"{ODD} {op}{flag} 1"
    yield from ["workers == 3", "3 != workers", "room_celsius > Inf", "room_celsius != NaN", "odd_values == odd_values", "odd_values != odd_values", "room_celsius > time()"]


def vector_operators():
    for op in ARITHMETIC + COMPARISONS + ["== bool", "> bool", "!= bool"]:
        for operation in (
            f"{COUNTER} {op} {COUNTER}", f"{SMALL} {op} on (instance, pool) limits", f"{SMALL} {op} ignoring (team) limits",
            f"{SMALL} {op} ignoring (pool, team) group_left pool_limit", f"{SMALL} {op} on (instance) group_left (zone) build_info", f"{SMALL} {op} on (instance) group_left (zone) (build_info * 3)",
            f"build_info {op} on (instance) group_right (zone) {SMALL}", f"{GAUGE} {op} {GAUGE} offset 5m",
        ):
            yield nameless(op, operation)
    yield from [
        "workers * on (instance) group_left () build_info", "workers * on (instance) group_left (zone, version) build_info",
        "workers + on (instance) group_left (missing) build_info", "workers - on (instance) group_left (pool) build_info",
        'sum by (job, code) (http_requests_total) / ignoring (code) group_left sum by (job) (http_requests_total)', "twin_a + twin_b", "twin_a - on (instance) twin_b",
        "twin_a > twin_b", "twin_a > on (instance) twin_b", "twin_a > bool twin_b", 'sum(workers) + sum(limits)', "starts_late + ends_early", "starts_late / on () ends_early",
        'room_celsius{room="kitchen"} / on (floor) room_celsius{room="hall"}', "http_requests_total / scalar(sum(workers))", "workers + vector(1)", "sum(workers) + vector(1)", "vector(1) + vector(2)",
        "gappy * on () group_left () vector(2)", "workers + on () group_left scalar_like", 'workers{pool="a"} > on (instance) group_left workers{pool="b"}',
    ]
    for op in ("and", "or", "unless"):
        yield from [
            f"{SMALL} {op} limits", f"{SMALL} {op} on (instance) build_info", f"{SMALL} {op} ignoring (pool, team) pool_limit", f"{SMALL} {op} {SMALL} > 3",
            f"{SMALL} > 2 {op} {SMALL} < 5", f"{GAUGE} {op} on () vector(1)", f"{GAUGE} {op} on (floor) ({GAUGE} > 21)", f"gappy {op} starts_late",
            f"gappy {op} on () starts_late", f"{GAUGE} {op} no_such_metric", f"no_such_metric {op} {GAUGE}", f"twin_a {op} twin_b", f"twin_a {op} on (instance) twin_b",
            f"{SMALL} {op} on (instance, pool) limits", f'{SMALL} {op} on (instance) build_info{{zone="za"}}',
            f"vector(1) {op} vector(2)", f"{SMALL} {op} {ODD} {op} {GAUGE}", f"ends_early {op} starts_late",
        ]


def histograms():
    for q in ("0", "0.1", "0.5", "0.9", "0.99", "1", "-1", "1.1", "NaN", "scalar(vector(0.8))"):
        yield f"histogram_quantile({q}, request_seconds_bucket)"
        yield f"histogram_quantile({q}, rate(request_seconds_bucket[5m]))"
        yield f"histogram_quantile({q}, sum by (le) (rate(request_seconds_bucket[10m])))"
    yield from [
        "histogram_quantile(0.5, sum by (le, job) (request_seconds_bucket))", 'histogram_quantile(0.5, request_seconds_bucket{le!="+Inf"})',
        "histogram_quantile(0.5, broken_bucket)", "histogram_quantile(0.9, workers)", "histogram_quantile(0.5, no_such_metric)",
        "histogram_quantile(0.5, request_seconds_bucket * 0)", "rate(request_seconds_sum[5m]) / rate(request_seconds_count[5m])",
        'histogram_quantile(0.5, request_seconds_bucket{le=~"0.1|\\\\+Inf"})', "histogram_quantile(0.2, negative_bucket)", "histogram_quantile(0.8, negative_bucket)",
    ]


def labels():
    replace = "label_replace(%s)"
    for arguments in [
        'workers, "short", "$1", "instance", "(.*):.*"', 'workers, "short", "$1-$2", "instance", "(.*):(.*)"', 'workers, "short", "x", "instance", "nothing"',
        'workers, "pool", "", "pool", ".*"', 'workers, "new", "all", "", ""', 'workers, "instance", "${1}x", "instance", "(.).*"', 'workers, "n", "$1x", "instance", "(.).*"',
        'workers, "n", "${name}", "instance", "(?P<name>.).*"', 'workers, "n", "$$1", "instance", "(.*)"', 'workers, "n", "$9", "instance", "(.*)"',
        'workers, "__name__", "renamed", "", ""', 'rate(http_requests_total[5m]), "j", "$0", "job", "a.*"', 'workers, "n", "$", "instance", "(.*)"',
        'workers, "n", "a", "instance", "a:1|b:1"', 'workers, "n", "$1", "instance", "a"',
    ]:
        yield replace % arguments
    yield from [
        'label_join(workers, "both", "-", "instance", "pool")', 'label_join(workers, "both", "", "instance", "missing", "pool")', 'label_join(workers, "pool", "x", "missing")',
        'label_join(workers, "none", ",")', 'label_join(workers, "__name__", "_", "__name__", "pool")', 'sum by (both) (label_join(workers, "both", "-", "pool"))',
        'count by (short) (label_replace(http_requests_total, "short", "$1", "instance", "(.*):.*"))',
    ]


def mixed():
    yield from [
        "100 * (1 - avg by (instance) (rate(http_requests_total{code=\"200\"}[5m])))", "sum(rate(http_requests_total[5m])) by (job) > 0.5",
        "max_over_time(room_celsius[10m]) - min_over_time(room_celsius[10m])", "rate(http_requests_total[5m]) and on (instance) (workers > 2)",
        "topk(2, sum by (instance) (rate(http_requests_total[5m])))", "sort_desc(sum by (job) (http_requests_total)) / 2", "sum(workers > 2) or vector(0)",
        "(room_celsius - avg_over_time(room_celsius[30m])) / stddev_over_time(room_celsius[30m])", "http_requests_total - http_requests_total offset 10m",
        "sum by (job) (increase(http_requests_total[10m])) / on (job) group_left () sum by (job) (increase(http_requests_total[10m]))",
        "abs(delta(room_celsius[10m])) > 1", "count(room_celsius > 20) / count(room_celsius)", "time() - timestamp(workers)", "sum(rate(http_requests_total[5m])) * scalar(sum(workers))",
        "(workers)", "((rate(http_requests_total[5m])))", "rate((http_requests_total[5m]))", "sum((workers))", "sgn(deriv(room_celsius[10m]))",
        "avg by (floor) (clamp(room_celsius, 18, 25)) ^ 2", "bottomk(1, workers) or topk(1, workers)", "quantile(0.9, rate(http_requests_total[5m])) by (job)",
        "sum by (job) (http_requests_total @ end()) - sum by (job) (http_requests_total @ start())", "rate(http_requests_total[5m] @ end())",
        "topk(2, rate(http_requests_total[20m] @ end())) and rate(http_requests_total[5m])", "hour(vector(time())) * 60 + minute(vector(time()))",
        "day_of_week() == 2", "vector(time()) % 3600", "group by (job, instance) (http_requests_total) * on (instance) group_left (version) build_info",
    ]


# What windows of minutes and hours answer just as samples do (src/query/tier_choice.hpp).
WINDOW_FUNCTIONS = [
    "min_over_time", "max_over_time", "sum_over_time", "avg_over_time", "count_over_time", "present_over_time", "last_over_time", "rate", "increase", "delta",
]


def of_windows():
    for function in WINDOW_FUNCTIONS:
        # Growth is kept of what is called as a counter. A mean of odd values near zero is a matter of the order in which they are added.
        odd = ODD if function != "avg_over_time" else ODD + '{kind=~"both|zero|only_nan"}'
        growth = function in ("rate", "increase")
        for selector in [COUNTER, "begins_total", "stops_total", "volta_energy_joules_total"] if growth else [COUNTER, GAUGE, odd, SMALL, "gappy", "volta_power_watts"]:
            for window in ("1m", "5m", "1h"):
                yield f"{function}({selector}[{window}])"
            yield f"{function}({selector}[4m] offset 10m)"
            yield f"{function}({selector}[1h] offset 1h)"
        yield f"sum by (code) ({function}({COUNTER}[2m]))"
        yield f"{function}({COUNTER}[30m] @ 1700005200)"
    for selector in (COUNTER, GAUGE, ODD, SMALL, "gappy", "starts_late", "ends_early", "huge", "tiny", "request_seconds_bucket"):
        yield selector
        yield f"{selector} offset 7m"
        yield f"{selector} @ 1700005200"
    yield from [
        f"sum(rate({COUNTER}[5m])) by (job) / count({COUNTER}) by (job)", f"max_over_time({GAUGE}[10m]) - min_over_time({GAUGE}[10m])",
        "histogram_quantile(0.9, sum by (le, job) (rate(request_seconds_bucket[10m])))", f"{COUNTER} - {COUNTER} offset 10m", f"absent({GAUGE})", "absent(gappy)",
        f"topk(2, avg_over_time({GAUGE}[5m]))", f"quantile(0.5, max_over_time({GAUGE}[2m]))", "timestamp(room_celsius offset 1m) > 0",
    ]


def of_dashboards():
    """With the rates that Grafana makes of a data source's interval of 60 s and of its usual 15 s."""
    for expression in all_expressions():
        one = 'host="$host"' in expression
        for host, rate in (("alpha", "4m"), ("beta" if one else ".+", "75s")):
            yield filled_in(expression, {"$host": host, "$__rate_interval": rate, "$__range": "1h", "$__interval": "1m"})


def of_ends():
    """Of series with stale markers."""
    for selector in ("stopping", "stopping_total", 'stopping{case="once"}'):
        yield from [
            selector, f"{selector} offset 3m", f"{selector} @ 1700003700.5", f"count({selector})", f"sum by (case) ({selector})", f"timestamp({selector})", f"absent({selector})",
            f"{selector} or vector(1)", f"{selector} > 25", f"-{selector}", f"absent({selector} offset 2m)", f"count_over_time({selector}[10m:20s])", f"last_over_time({selector}[4m:30s])",
        ]
        for function in RANGE_FUNCTIONS:
            # What is no counter falls; of the growth that few samples then make, Prometheus 3 extrapolates less than 2.42 does.
            if selector == "stopping_total" or function not in ("rate", "increase"):
                yield from (f"{function}({selector}[{window}])" for window in ("1m", "3m", "20m"))
        yield f"quantile_over_time(0.5, {selector}[5m])"


def of_ends_in_windows():
    for function in WINDOW_FUNCTIONS:
        for window in ("1m", "3m", "1h"):
            yield f"{function}(stopping_total[{window}])"
            if function not in ("rate", "increase"):
                yield f"{function}(stopping[{window}])"


SORTED = [
    "sort(workers + room_less)", "sort(room_celsius)", "sort_desc(room_celsius)", "sort_desc(steady_total)", "sort(rate(steady_total[5m]))", "sort_desc(sum by (room) (room_celsius))",
]

FAILING = [
    # on these data
    "workers + on (pool) limits", "workers * on (instance) limits", "workers + on () limits", "limits + on (instance) group_left workers", "workers + on (instance) group_right limits",
    "workers - ignoring (instance) group_left workers", "workers > on (pool) workers", "workers + on (instance) build_info", '{__name__=~"twin_.*"} + 1', 'rate({__name__=~"twin_.*"}[5m])',
    '-{__name__=~"twin_.*"}', 'abs({__name__=~"twin_.*"})', 'label_replace(workers, "instance", "x", "instance", ".*")', 'label_replace(workers, "instance", "", "instance", ".*")',
    'label_replace(workers, "", "x", "instance", ".*")', 'label_replace(workers, "n", "x", "instance", "(")', 'label_join(workers, "instance", "-", "pool")', 'label_join(workers, "", "-", "pool")',
    'count_values("bad name", workers)', 'label_replace(workers, "1a", "x", "instance", ".*")', 'label_join(workers, "a-b", "-", "pool")', 'label_join(workers, "a", "-", "a.b")',
    'count_values("", workers)', "holt_winters(room_celsius[5m], 0, 0.5)", "holt_winters(room_celsius[5m], 0.5, 1.5)", "topk(NaN, workers)", "bottomk(1e30, workers)", "topk(NaN, no_such_metric)",
    "bottomk(1e30, no_such_metric)",
    'label_join({__name__=~"twin_.*"}, "__name__", "", "instance")', 'sum_over_time({__name__=~"twin_.*"}[5m])', 'timestamp({__name__=~"twin_.*"})',
    # on none
    "workers +", "sum(", "rate(workers)", "abs(workers[5m])", "workers[5m]", "workers[5m:1m]", "1 == 1", "workers and 1", '"text" + 1', "no_such_function(workers)", "rate(workers[5m], 1)",
    "sum by (job (workers)", '{__name__=""}', "{}", '{a=~".*"}', 'workers{instance=~"("}', "workers offset", "workers @", "topk(workers)", "count_values(1, workers)", "workers[0s]",
    "1 and 2", "-\"x\"", "workers + bool 1", "workers == on (a) group_left (a) workers", "workers and on (a) group_left limits", "1 + on (a) 2", "sum(1)", "histogram_quantile(workers, 0.5)",
    "rate(sum(workers)[5m])", "workers{a=\"b\"", "workers{a=b}", "workers offset 5m offset 5m", "clamp(workers, 1)", "label_replace(workers)", "vector(workers)", "scalar(1)", "time(1)",
    "08x", "workers[5m] offset 1m + 1", "foo bar", "\"unclosed", "min_over_time(workers)", "sum without workers", "@ 5", "workers[1m:1m:1m]", "sum(workers) by job",
]

# 2.42 moves the window of @ with the steps where the function itself depends on the time; asked as instant queries only.
INSTANT_ONLY = ["predict_linear(room_celsius[2m] @ 1700003333.5, 600)", "predict_linear(room_celsius[15m] @ 1700003333.5, 600)"]

QUERIES = [
    *selectors(), *ranges(), *subqueries(), *values(), *scalars(), *aggregations(), *scalar_operators(), *vector_operators(), *histograms(), *labels(), *mixed(),
]
WINDOWS = list(of_windows())
DASHBOARDS = list(of_dashboards())
ENDS = list(of_ends())
ENDS_IN_WINDOWS = list(of_ends_in_windows())
