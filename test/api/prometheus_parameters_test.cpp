#include "api/prometheus_parameters.hpp"

#include "api/prometheus_fakes.hpp"

namespace volta::test {

TEST_CASE("Prometheus' times") {
  const auto check = [](std::string_view text, std::optional<std::int64_t> want) {
    const auto got = parse_prometheus_time(text);
    INFO(text);
    CHECK(got.has_value() == want.has_value());
    if (got && want) CHECK(*got == *want);
    if (!got) {
      CHECK(got.error().text == "cannot parse \"" + std::string(text) + "\" to a valid timestamp");
    }
  };
  check("0", 0);
  check("1795227181.2244", 1'795'227'181'224);
  check("1795227181.2246", 1'795'227'181'225);
  check("-5", -5000);
  check("1e3", 1'000'000);
  check(".5", 500);
  check("2026-11-21T02:09:00Z", 1'795'226'940'000);
  check("2026-11-21T02:09:00+01:00", 1'795'223'340'000);
  check("2026-11-21T02:09:00.5Z", 1'795'226'940'500);
  check("-9223309901257974", kAllTime.start_ms);
  check("9223309901257974", kAllTime.end_ms);
  check("1e300", kAllTime.end_ms);
  check("0000-01-01T00:00:00+23:59", kAllTime.start_ms);
  check("9999-12-31T23:59:59.999-23:59", kAllTime.end_ms);
  check("-292273086-05-16T16:47:06Z", kAllTime.start_ms);
  check("292277025-08-18T07:12:54.999999999Z", kAllTime.end_ms);
  check("", {});
  check("now", {});
  check("Inf", {});
  check("NaN", {});
  check("2026-11-21T02:09:00", {});
  check("0x10", {});
  check("1 ", {});
}

TEST_CASE("Prometheus' durations") {
  const auto check = [](std::string_view text, std::optional<std::int64_t> want,
                        const std::string& tail = "") {
    const auto got = parse_prometheus_duration(text);
    INFO(text);
    CHECK(got.has_value() == want.has_value());
    if (got && want) CHECK(*got == *want);
    if (!got) {
      CHECK(got.error().text ==
            "cannot parse \"" + std::string(text) + "\" to a valid duration" + tail);
    }
  };
  check("5m", 300'000);
  check("1h30m", 5'400'000);
  check("1d", 86'400'000);
  check("500ms", 500);
  check("1.5", 1500);
  check(".5", 500);
  check("0", 0);
  check("-1", -1000);
  check("1e3", 1'000'000);
  check("0.0004", 0);
  check("", {});
  check("-5m", {});
  check("5M", {});
  check("1.5h", {});
  check("0x10", {});
  check(" 5", {});
  check("Inf", {});
  check("1e30", {}, ". It overflows int64");
  check("-1e30", {}, ". It overflows int64");
}

TEST_CASE("labels in paths") {
  const auto check = [](std::string_view text, std::optional<std::string> want) {
    INFO(text);
    CHECK(label_of_path(text) == want);
  };
  check("job", "job");
  check("__name__", "__name__");
  check("a1_B", "a1_B");
  check("U__http_2e_status", "http.status");
  check("U__a__b", "a_b");
  check("U__caf_e9_", "café");
  check("U___20ac__1f600_", "€😀");
  check("U_a", "U_a");
  check("", {});
  check("a-b", {});
  check("1a", {});
  check("a.b", {});
  check("U__", {});
  check("U__a_2e", {});
  check("U__a_zz_", {});
  check("U__a_d800_", {});
  check("U__a_110000_", {});
  check("U__a_0_", {});
  check("U__a_0000041_", {});
}

TEST_CASE("the form comes before the URL, and both may repeat") {
  const auto read = PrometheusParameters::of(
      form_post("/x?query=2&match[]=c&only=url", "query=1%2B1&match%5B%5D=a&match[]=b"));
  const auto& given = std::get<PrometheusParameters>(read);
  CHECK(given.text("query") == "1+1");
  CHECK(given.text("only") == "url");
  CHECK(given.text("none").empty());
  CHECK(given.all("match[]") == std::vector<std::string_view>{"a", "b", "c"});
}

TEST_CASE("a body that is no form") {
  const auto check = [](const HttpRequest& asked, int status) {
    const auto read = PrometheusParameters::of(asked);
    INFO(asked.body << ' ' << asked.query);
    CHECK((status == 0) == std::holds_alternative<PrometheusParameters>(read));
    if (const auto* declined = std::get_if<Declined>(&read)) {
      CHECK(declined->problem.status == status);
      CHECK(declined->problem.code == "bad_data");
    }
  };
  check(form_post("/x", "query=1"), 0);
  check(with(request("POST", "/x?query=1"), "content-type", "text/plain"), 0);
  check(json_post("/x", "{}"), 415);
  check(form_post("/x", "query=%zz"), 400);
  check(form_post("/x", "query=%ff"), 400);
  check(request("GET", "/x?query=%zz"), 400);
  std::string many;
  for (int i = 0; i < 1025; ++i) many += "match[]=up&";
  check(form_post("/x", many), 400);
  HttpRequest charset = request("POST", "/x");
  charset.body = "query=1";
  check(with(charset, "content-type", "application/x-www-form-urlencoded; charset=utf-8"), 0);
}

}  // namespace volta::test
