#include "prom/prometheus_json.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "support/seed.hpp"

namespace volta {
namespace {

std::shared_ptr<const Labels> shared_labels(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

std::string value_text(double value) {
  std::string out;
  append_prometheus_value(out, value);
  return out;
}

TEST_CASE("times are seconds with at most three decimals") {
  const auto check = [](std::int64_t time_ms, std::string_view want) {
    std::string out;
    append_prometheus_time(out, time_ms);
    CHECK(out == want);
  };
  check(0, "0");
  check(1795227181224, "1795227181.224");
  check(1795227181000, "1795227181");
  check(1500, "1.500");
  check(1050, "1.050");
  check(7, "0.007");
  check(-7, "-0.007");
  check(-1500, "-1.500");
  check(-2000, "-2");
  check(INT64_MAX, "9223372036854775.807");
  check(INT64_MIN, "-9223372036854775.808");
}

// As strconv.AppendFloat(v, 'f', -1, 64) has it, 'e' below 1e-6 and from 1e21 on.
TEST_CASE("values have Go's shortest form") {
  const auto check = [](double value, std::string_view want) {
    CAPTURE(value);
    CHECK(value_text(value) == want);
  };
  check(2, "2");
  check(0, "0");
  check(-0.0, "-0");
  check(-3, "-3");
  check(0.1, "0.1");
  check(-0.25, "-0.25");
  check(0.000001, "0.000001");
  check(0.0000015, "0.0000015");
  check(9.999999e-7, "9.999999e-07");
  check(1e-7, "1e-07");
  check(-1.5e-10, "-1.5e-10");
  check(5e-324, "5e-324");
  check(123.456789, "123.456789");
  check(0.1 + 0.2, "0.30000000000000004");
  check(1.0 / 3, "0.3333333333333333");
  check(100, "100");
  check(1e6, "1000000");
  check(1.5e9, "1500000000");
  check(9007199254740991.0, "9007199254740991");
  check(9007199254740992.0, "9007199254740992");
  check(9007199254740993.0 * 2, "18014398509481984");
  check(18446744073709551615.0, "18446744073709552000");
  check(-18446744073709551615.0, "-18446744073709552000");
  check(1e20, "100000000000000000000");
  check(1.2345678901234567e20, "123456789012345670000");
  check(999999999999999900000.0, "999999999999999900000");
  check(1e21, "1e+21");
  check(1.7976931348623157e308, "1.7976931348623157e+308");
  check(-1e100, "-1e+100");
  check(std::numeric_limits<double>::infinity(), "+Inf");
  check(-std::numeric_limits<double>::infinity(), "-Inf");
  check(std::numeric_limits<double>::quiet_NaN(), "NaN");
  check(std::bit_cast<double>(kStaleBits), "NaN");
}

TEST_CASE("values read back the same, and in as few digits as to_chars needs") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto check = [](double value) {
    if (!std::isfinite(value)) return;
    const std::string text = value_text(value);
    double back = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), back);
    const bool same = error == std::errc{} && end == text.data() + text.size() &&
                      std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(value);
    const auto digits = [](std::string_view number) {
      number = number.substr(0, number.find('e'));
      std::string kept;
      for (const char c : number) {
        if (c >= '0' && c <= '9' && (c != '0' || !kept.empty())) kept += c;
      }
      while (!kept.empty() && kept.back() == '0') kept.pop_back();
      return kept;
    };
    char shortest[40];
    const std::string_view other(
        shortest,
        static_cast<std::size_t>(
            std::to_chars(shortest, shortest + 40, value, std::chars_format::scientific).ptr -
            shortest));
    if (!same || digits(text) != digits(other)) {
      CAPTURE(value, text, other);
      CHECK(same);
      CHECK(digits(text) == digits(other));
    }
  };
  for (int i = 0; i < 100'000; ++i) {
    check(std::bit_cast<double>(random()));
    const auto integer = static_cast<double>(static_cast<std::int64_t>(random()) >> (i % 60));
    check(integer);
    check(integer / 1000);
    check(integer / 1e6);
    check(std::nextafter(integer / 1e6, 0));
  }
}

TEST_CASE("answers of queries") {
  const auto check = [](QueryValue value, std::string_view want) {
    CHECK(query_answer_json({std::move(value), {}, Tier::raw, 0}) == want);
  };
  check(ScalarValue{1795227181224, 2},
        R"({"status":"success","data":{"resultType":"scalar","result":[1795227181.224,"2"]}})");
  check(StringValue{1000, "a\"b"},
        R"({"status":"success","data":{"resultType":"string","result":[1,"a\"b"]}})");
  // As recorded from Prometheus 2.42: scalars and strings are written otherwise than points.
  const auto scalar = [&](double value, const std::string& want) {
    check(ScalarValue{1795331663050, value},
          R"({"status":"success","data":{"resultType":"scalar","result":[1795331663.05,")" + want +
              "\"]}}");
  };
  scalar(1e21, "1000000000000000000000");
  scalar(-1.5e22, "-15000000000000000000000");
  scalar(1e-7, "0.0000001");
  scalar(-1.25e-9, "-0.00000000125");
  scalar(1234567890123456789.0, "1234567890123456800");
  scalar(-0.0, "-0");
  scalar(std::numeric_limits<double>::infinity(), "+Inf");
  check(StringValue{1500, "a"},
        R"({"status":"success","data":{"resultType":"string","result":[1.5,"a"]}})");
  check(VectorValue{}, R"({"status":"success","data":{"resultType":"vector","result":[]}})");
  check(MatrixValue{}, R"({"status":"success","data":{"resultType":"matrix","result":[]}})");
  const auto labels = shared_labels({{"__name__", "up"}, {"job", "\xC5\xBC\n<"}});
  check(VectorValue{{{labels, 1500, 1}, {shared_labels({}), 1500, -0.5}}},
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
        "{\"metric\":{\"__name__\":\"up\",\"job\":\"\xC5\xBC\\n<\"},\"value\":[1.500,\"1\"]},"
        "{\"metric\":{},\"value\":[1.500,\"-0.5\"]}]}}");
  check(MatrixValue{{{shared_labels({{"a", "b"}}), {1000, 2000}, {1, 1e21}},
                     {shared_labels({}), {}, {}}}},
        R"({"status":"success","data":{"resultType":"matrix","result":[)"
        R"({"metric":{"a":"b"},"values":[[1,"1"],[2,"1e+21"]]},{"metric":{},"values":[]}]}})");
  CHECK(query_answer_json({ScalarValue{0, 0}, {"one", "two"}, Tier::raw, 0}) ==
        R"({"status":"success","data":{"resultType":"scalar","result":[0,"0"]},)"
        R"("warnings":["one","two"]})");
}

TEST_CASE("points in a row are written as each of them alone") {
  const auto seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto pick = [&](std::int64_t below) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(below));
  };
  for (const std::int64_t start_ms : {-5'000LL, 0LL, 99'000LL, 999'999'990'000LL,
                                      1'795'399'290'000LL, 9'223'372'036'000'000'000LL}) {
    for (const std::int64_t most_ms : {1LL, 1000LL, 250'000LL}) {
      MatrixValue::Row row{shared_labels({}), {}, {}};
      std::string wanted;
      std::int64_t time_ms = start_ms;
      for (int i = 0; i < 300; ++i) {
        const double value = pick(3) == 0 ? -1.2345678901234567e20
                                          : static_cast<double>(pick(20'000'000)) /
                                                static_cast<double>(pick(4) * 500 + 1);
        row.times_ms.push_back(time_ms);
        row.values.push_back(value);
        if (i > 0) wanted += ',';
        wanted += '[';
        append_prometheus_time(wanted, time_ms);
        wanted += ",\"" + value_text(value) + "\"]";
        time_ms += most_ms > 1000 ? pick(most_ms) : most_ms;
      }
      CHECK(
          query_answer_json({MatrixValue{{std::move(row)}}, {}, Tier::raw, 0}) ==
          R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[)" +
              wanted + "]}]}}");
    }
  }
}

TEST_CASE("federation") {
  const VectorValue values{
      {{shared_labels({{"__name__", "b"}, {"x", "q\"\n"}}), 1700000000123, 0.5},
       {shared_labels({{"__name__", "a"}, {"instance", "h:1"}}), 5, 1},
       {shared_labels({{"__name__", "b"}}), -1, std::numeric_limits<double>::infinity()},
       {shared_labels({{"__name__", "gone"}}), 5, std::bit_cast<double>(kStaleBits)},
       {shared_labels({{"x", "no name"}}), 5, 1}}};
  CHECK(federation_text(values) ==
        "# TYPE a untyped\na{instance=\"h:1\"} 1 5\n"
        "# TYPE b untyped\nb{instance=\"\",x=\"q\\\"\\n\"} 0.5 1700000000123\n"
        "b{instance=\"\"} +Inf -1\n");
  CHECK(federation_text({}).empty());
}

}  // namespace
}  // namespace volta
