#include "prom/prometheus_formats.hpp"

#include <catch2/catch.hpp>

#include "prom/protobuf.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

using RefusalKind = FormatRefusal::Kind;

constexpr const char* kV1 = "application/x-protobuf";
constexpr const char* kV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

std::shared_ptr<const Labels> labels_of(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

// up{a="1"} with two samples, and `broken` without a name.
std::string write_body(WriteVersion version, bool broken) {
  std::vector<LabeledSamples> series = {
      {labels_of({{"__name__", "up"}, {"a", "1"}}), {1000, 2000}, {1, 0}}};
  if (broken) series.push_back({labels_of({{"a", "2"}}), {1000}, {1}});
  const std::vector<MetricMetadata> metadata = {{"up", "gauge", "Is up", ""}};
  const auto requests = encode_write_requests(version, series, metadata, {});
  REQUIRE(requests.size() == 1);
  return snappy_compress(requests.front().message);
}

void check_write_refused(const RemoteBodyHeaders& headers, std::string_view body, RefusalKind kind,
                         std::string_view text) {
  WriteLimits limits;
  limits.most_bytes = 1000;
  const auto decoded = PrometheusWireFormats(limits).decode_write(headers, body);
  INFO(text);
  REQUIRE(std::holds_alternative<FormatRefusal>(decoded));
  CHECK(std::get<FormatRefusal>(decoded).kind == kind);
  CHECK(std::get<FormatRefusal>(decoded).text.find(text) != std::string::npos);
}

TEST_CASE("remote writes of both versions arrive alike") {
  const PrometheusWireFormats formats;
  for (const bool second : {false, true}) {
    const RemoteBodyHeaders headers{second ? kV2 : kV1, "snappy", second ? "2.0.0" : "0.1.0"};
    for (const bool broken : {false, true}) {
      const auto decoded = formats.decode_write(
          headers, write_body(second ? WriteVersion::v2 : WriteVersion::v1, broken));
      REQUIRE(std::holds_alternative<RemoteWriteBatch>(decoded));
      const auto& batch = std::get<RemoteWriteBatch>(decoded);
      CHECK(batch.version_2 == second);
      const KeyedSamples& samples = batch.samples;
      REQUIRE(samples.series.size() == (broken ? 2 : 1));
      REQUIRE(samples.series[0].count == 2);
      const auto labels = samples.labels(samples.series[0].key);
      REQUIRE(labels);
      CHECK(*labels.value() == Labels{{"__name__", "up"}, {"a", "1"}});
      CHECK(std::vector(samples.times_ms.begin(), samples.times_ms.begin() + 2) ==
            std::vector<std::int64_t>{1000, 2000});
      CHECK(std::vector(samples.values.begin(), samples.values.begin() + 2) ==
            std::vector<double>{1, 0});
      if (broken) {
        const auto none = samples.labels(samples.series[1].key);
        REQUIRE_FALSE(none);
        CHECK(none.error().text.find("no metric name") != std::string::npos);
      }
      REQUIRE(batch.metadata.size() == 1);
      CHECK(batch.metadata[0].help == "Is up");
      CHECK(batch.refused == 0);
    }
  }
}

TEST_CASE("series without key or samples are counted") {
  // Symbols "" and "up"; a series whose label points beyond them.
  const std::string message("\x22\x00\x22\x02up\x2A\x04\x0A\x02\x01\x07", 12);
  const auto decoded =
      PrometheusWireFormats().decode_write({kV2, "snappy", "2.0.0"}, snappy_compress(message));
  CHECK(PrometheusWireFormats().announces_write_2({kV2, "zstd", ""}));
  CHECK_FALSE(PrometheusWireFormats().announces_write_2({"application/x-protobuf", "", "2.0.0"}));
  CHECK_FALSE(PrometheusWireFormats().announces_write_2({"text/plain", "", "2.0.0"}));
  const auto& batch = std::get<RemoteWriteBatch>(decoded);
  CHECK(batch.refused == 0);
  CHECK(batch.refused_empty == 1);
  CHECK(batch.why.find("symbols") != std::string::npos);
}

// Buffers serve again once nobody has keys that lie in them, and not before.
TEST_CASE("what was decoded stays while others are decoded, and longer than who decoded it") {
  auto formats = std::make_unique<PrometheusWireFormats>();
  const RemoteBodyHeaders headers{kV1, "snappy", ""};
  const auto decoded = [&](const std::string& name) {
    const std::vector<LabeledSamples> series{
        {labels_of({{"__name__", name + std::string(100, 'x')}}), {1}, {1}}};
    const auto requests = encode_write_requests(WriteVersion::v1, series, {}, {});
    return std::get<RemoteWriteBatch>(
        formats->decode_write(headers, snappy_compress(requests.at(0).message)));
  };
  const auto name_of = [](const RemoteWriteBatch& batch) {
    return batch.samples.labels(batch.samples.series.at(0).key).value()->at(0).second.substr(0, 1);
  };
  RemoteWriteBatch first = decoded("a");
  RemoteWriteBatch second = decoded("b");
  second = decoded("c");
  const RemoteWriteBatch third = decoded("d");
  CHECK(std::holds_alternative<FormatRefusal>(
      formats->decode_write(headers, snappy_compress("nonsense"))));
  formats.reset();
  CHECK(name_of(first) + name_of(second) + name_of(third) == "acd");
}

TEST_CASE("bodies that are no remote write") {
  const std::string good = write_body(WriteVersion::v1, false);
  check_write_refused({"text/plain", "snappy", ""}, good, RefusalKind::unsupported_type,
                      "WriteRequest");
  check_write_refused({"application/x-protobuf;proto=other", "snappy", ""}, good,
                      RefusalKind::unsupported_type, "WriteRequest");
  check_write_refused({kV1, "snappy", "3.0"}, good, RefusalKind::unsupported_type, "WriteRequest");
  check_write_refused({kV1, "gzip", ""}, good, RefusalKind::unsupported_type, "snappy");
  check_write_refused({kV1, "", ""}, good, RefusalKind::unsupported_type, "snappy");
  check_write_refused({kV1, "snappy", ""}, "", RefusalKind::malformed, "snappy");
  check_write_refused({kV1, "snappy", ""}, good.substr(0, good.size() - 1), RefusalKind::malformed,
                      "corrupt");
  check_write_refused({kV1, "snappy", ""}, snappy_compress("nonsense"), RefusalKind::malformed, "");
  // 2^32 - 1 bytes declared, and one that only just does not fit.
  check_write_refused({kV1, "snappy", ""}, "\xFF\xFF\xFF\xFF\x0F", RefusalKind::too_large,
                      "limit is 1000");
  check_write_refused({kV1, "snappy", ""}, snappy_compress(std::string(1001, 'a')),
                      RefusalKind::too_large, "limit is 1000");
}

TEST_CASE("a remote read and its answer") {
  const PrometheusWireFormats formats;
  std::string matcher, query, message;
  put_proto_uint(matcher, 1, 2);
  put_proto_bytes(matcher, 2, "job");
  put_proto_bytes(matcher, 3, "a|b");
  put_proto_uint(query, 1, 1000);
  put_proto_uint(query, 2, 2000);
  put_proto_bytes(query, 3, matcher);
  put_proto_bytes(message, 1, query);
  const std::string body = snappy_compress(message);
  for (const char* encoding : {"snappy", ""}) {
    const auto decoded = formats.decode_read({kV1, encoding, ""}, body);
    REQUIRE(std::holds_alternative<std::vector<RemoteReadQuery>>(decoded));
    const auto& queries = std::get<std::vector<RemoteReadQuery>>(decoded);
    REQUIRE(queries.size() == 1);
    CHECK(queries[0].span.start_ms == 1000);
    CHECK(queries[0].span.end_ms == 2000);
    REQUIRE(queries[0].matchers.size() == 1);
    CHECK(queries[0].matchers[0].text() == "job=~\"a|b\"");
  }
  const auto refused = [&](const char* encoding, std::string_view bytes) {
    return std::get<FormatRefusal>(formats.decode_read({kV1, encoding, ""}, bytes)).kind;
  };
  CHECK(refused("gzip", body) == RefusalKind::unsupported_type);
  CHECK(refused("snappy", "") == RefusalKind::malformed);
  CHECK(refused("snappy", snappy_compress("nonsense")) == RefusalKind::malformed);
  CHECK(refused("snappy", "\xFF\xFF\xFF\xFF\x0F") == RefusalKind::too_large);

  std::vector<std::vector<LabeledSamples>> results(1);
  results[0].push_back({labels_of({{"__name__", "up"}}), {1000}, {1.5}});
  const std::string plain = encode_read_response(results);
  const auto answer = snappy_uncompress(formats.encode_read(results), 1000);
  REQUIRE(answer);
  CHECK(*answer == plain);
}

TEST_CASE("answers and federation are those of prometheus_json") {
  const PrometheusWireFormats formats;
  CHECK(formats.query_answer({ScalarValue{1'795'227'181'224, 2}, {"a note"}}) ==
        R"({"status":"success","data":{"resultType":"scalar","result":[1795227181.224,"2"]},)"
        R"("warnings":["a note"]})");
  const VectorValue newest{{{labels_of({{"__name__", "up"}, {"a", "1"}}), 1000, 1}}};
  CHECK(formats.federation_text(newest) == "# TYPE up untyped\nup{a=\"1\",instance=\"\"} 1 1000\n");
}

}  // namespace
}  // namespace volta
