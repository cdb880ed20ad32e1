#include "prom/remote_write.hpp"

#include <bit>
#include <limits>

#include <catch2/catch.hpp>

#include "bytes_text.hpp"
#include "prom/protobuf.hpp"

namespace volta {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Points = std::vector<std::pair<std::int64_t, double>>;

// Both golden messages say the same. Made by a few lines of Python that share nothing with the
// code: up{job="a"} with 1 and a stale marker, zero with 0 at -5 ms and -0 at 0 ms, metadata of up.
constexpr std::string_view kGoldenV1 =
    "0a3e0a0e0a085f5f6e616d655f5f120275700a080a036a6f62120161121009000000000000f03f1080d095ffbc3112"
    "1009020000000000f07f10e8d795ffbc310a2a0a100a085f5f6e616d655f5f12047a65726f120b10fbffffffffffff"
    "ffff0112090900000000000000801a13080212027570220549732075702a04626f6f6c";
constexpr std::string_view kGoldenV2 =
    "220022085f5f6e616d655f5f2202757022036a6f62220161220549732075702204626f6f6c22047a65726f2a320a04"
    "01020304121009000000000000f03f1080d095ffbc31121009020000000000f07f10e8d795ffbc312a060802180520"
    "062a1c0a020107120b10fbffffffffffffffff011209090000000000000080";

LabeledSamples series_of(Labels labels, const Points& points) {
  LabeledSamples series{std::make_shared<const Labels>(std::move(labels)), {}, {}};
  for (const auto& [time, value] : points) {
    series.times_ms.push_back(time);
    series.values.push_back(value);
  }
  return series;
}

std::vector<LabeledSamples> golden_series() {
  return {series_of({{"__name__", "up"}, {"job", "a"}},
                    {{1700000000000, 1}, {1700000001000, std::bit_cast<double>(kStaleBits)}}),
          series_of({{"__name__", "zero"}}, {{-5, 0.0}, {0, -0.0}})};
}

const std::vector<MetricMetadata>& golden_metadata() {
  static const std::vector<MetricMetadata> metadata = {{"up", "gauge", "Is up", "bool"}};
  return metadata;
}

// Bit for bit.
bool same_samples(const LabeledSamples& a, const LabeledSamples& b) {
  if (*a.labels != *b.labels || a.times_ms != b.times_ms || a.values.size() != b.values.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (std::bit_cast<std::uint64_t>(a.values[i]) != std::bit_cast<std::uint64_t>(b.values[i])) {
      return false;
    }
  }
  return true;
}

bool same_series(std::span<const LabeledSamples> a, std::span<const LabeledSamples> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_samples);
}

// A series as a sender of the given version says it, right or wrong.
class MessageText {
 public:
  explicit MessageText(WriteVersion version) : version_(version) { ref(""); }
  void add(const Pairs& labels, const Points& points, const std::string& tail = "") {
    std::string content, refs;
    for (const auto& [name, value] : labels) {
      std::string label;
      put_proto_bytes(label, 1, name);
      put_proto_bytes(label, 2, value);
      if (version_ == WriteVersion::v1) put_proto_bytes(content, 1, label);
      put_proto_varint(refs, ref(name));
      put_proto_varint(refs, ref(value));
    }
    if (version_ == WriteVersion::v2) put_proto_bytes(content, 1, refs);
    for (const auto& [time, value] : points) {
      std::string sample;
      put_proto_double(sample, 1, value);
      put_proto_uint(sample, 2, static_cast<std::uint64_t>(time));
      put_proto_bytes(content, 2, sample);
    }
    put_proto_bytes(series_, version_ == WriteVersion::v1 ? 1 : 5, content + tail);
  }
  // The symbols go last: field order is the sender's choice.
  std::string text() const {
    std::string out = series_;
    if (version_ == WriteVersion::v2) {
      for (const auto& symbol : symbols_) put_proto_bytes(out, 4, symbol);
    }
    return out;
  }

 private:
  std::size_t ref(const std::string& text) {
    symbols_.push_back(text);
    return symbols_.size() - 1;
  }
  WriteVersion version_;
  std::string series_;
  std::vector<std::string> symbols_;
};

constexpr WriteVersion kBoth[] = {WriteVersion::v1, WriteVersion::v2};

TEST_CASE("which message a request announces") {
  const auto check = [](std::string_view type, std::string_view version,
                        std::optional<WriteVersion> want) {
    CAPTURE(type, version);
    CHECK(announced_write_version(type, version) == want);
  };
  check("", "", WriteVersion::v1);
  check("application/x-protobuf", "0.1.0", WriteVersion::v1);
  check("application/x-protobuf", "", WriteVersion::v1);
  check("Application/X-Protobuf", "1.0", WriteVersion::v1);
  check("application/x-protobuf;proto=prometheus.WriteRequest", "2.0.0", WriteVersion::v1);
  check("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0", WriteVersion::v2);
  check("application/x-protobuf; proto=io.prometheus.write.v2.Request", "", WriteVersion::v2);
  check("application/x-protobuf; PROTO=\"io.prometheus.write.v2.Request\" ;", "", WriteVersion::v2);
  check("application/x-protobuf;charset=utf-8", "0.1.0", WriteVersion::v1);
  check("application/x-protobuf;proto=io.prometheus.write.v3.Request", "", std::nullopt);
  check("application/x-protobuf;proto=", "", std::nullopt);
  check("application/json", "0.1.0", std::nullopt);
  check("text/plain", "", std::nullopt);
  check("application/x-protobuf-not", "", std::nullopt);
  check("application/x-protobuf", "3.0.0", std::nullopt);
  check("application/x-protobuf", "new", std::nullopt);
  CHECK(write_encoding_known("snappy"));
  CHECK(write_encoding_known(" Snappy "));
  CHECK_FALSE(write_encoding_known(""));
  CHECK_FALSE(write_encoding_known("gzip"));
  for (const auto version : kBoth) {
    CHECK(announced_write_version(write_content_type(version), write_version_header(version)) ==
          version);
  }
}

TEST_CASE("golden messages are read") {
  const auto check = [](WriteVersion version, std::string_view hex) {
    const auto request = decode_write_request(version, bytes_of(hex), {});
    REQUIRE(request);
    CHECK(same_series(request->series, golden_series()));
    CHECK(request->samples == 4);
    CHECK(request->refused_series + request->refused_samples == 0);
    CHECK(request->why.empty());
    REQUIRE(request->metadata.size() == 1);
    CHECK(request->metadata[0].name == "up");
    CHECK(request->metadata[0].type == "gauge");
    CHECK(request->metadata[0].help == "Is up");
    CHECK(request->metadata[0].unit == "bool");
  };
  check(WriteVersion::v1, kGoldenV1);
  check(WriteVersion::v2, kGoldenV2);
}

TEST_CASE("a broken message is refused whole, wherever it is broken") {
  const auto check = [](WriteVersion version, std::string_view hex) {
    const std::string whole = bytes_of(hex);
    std::size_t refused = 0;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const auto request = decode_write_request(version, whole.substr(0, length), {});
      refused += request ? 0 : 1;
      if (request) CHECK(request->samples + request->refused_samples <= 4);
    }
    // All but those that end where a field of the outermost message does.
    CHECK(refused >= whole.size() - 12);
    CHECK_FALSE(decode_write_request(version, whole + "x", {}));
  };
  check(WriteVersion::v1, kGoldenV1);
  check(WriteVersion::v2, kGoldenV2);
}

TEST_CASE("bad series are refused with a reason, and the rest is there to be written") {
  const auto check = [](const Pairs& labels, std::string_view want) {
    CAPTURE(want);
    for (const auto version : kBoth) {
      MessageText message(version);
      message.add({{"__name__", "good"}}, {{1, 1}});
      message.add(labels, {{1, 1}, {2, 2}});
      message.add({{"__name__", "fine"}}, {{1, 1}});
      const auto request = decode_write_request(version, message.text(), {});
      REQUIRE(request);
      CHECK(request->series.size() == 2);
      CHECK(request->samples == 2);
      CHECK(request->refused_series == 1);
      CHECK(request->refused_samples == 2);
      CHECK(request->why.find(want) != std::string::npos);
    }
  };
  check({{"b", "1"}, {"__name__", "x"}}, "not sorted");
  check({{"__name__", "x"}, {"b", "1"}, {"a", "1"}}, "not sorted");
  check({{"__name__", "x"}, {"a", "1"}, {"a", "2"}}, "twice");
  check({{"__name__", "x"}, {"a", "1"}, {"a", "1"}}, "twice");
  check({{"__name__", "x"}, {"a", ""}}, "is empty");
  check({{"", "x"}, {"__name__", "x"}}, "name is empty");
  check({{"job", "x"}}, "no metric name");
  check({}, "no metric name");
  check({{"__name__", "x y"}}, "metric name");
  check({{"__name__", "x"}, {"a-b", "1"}}, "label name");
  check({{"__name__", "x"}, {"a", "\xC3"}}, "UTF-8");
  check({{"__name__", "x"}, {"a", std::string(4097, 'v')}}, "longer than 4096");
}

TEST_CASE("a label beyond the limits refuses its series and no other") {
  const auto written = [&](std::vector<std::string> symbols) {
    std::string refs;
    for (std::size_t i = 1; i < symbols.size(); ++i) refs += static_cast<char>(i);
    std::string series;
    put_proto_bytes(series, 1, refs);
    put_proto_bytes(series, 2, bytes_of("09000000000000f03f1001"));
    std::string message;
    for (const std::string& symbol : symbols) put_proto_bytes(message, 4, symbol);
    put_proto_bytes(message, 5, series);
    const auto request = decode_write_request(WriteVersion::v2, message, {});
    REQUIRE(request);
    return request->samples;
  };
  CHECK(written({"", "__name__", "up", "job", "a"}) == 1);
  CHECK(written({"", "__name__", "up", "job", "a", "x", std::string(5000, 'v')}) == 0);
  CHECK(written({"", "__name__", "up", std::string(2000, 'n'), "b", "job", "a"}) == 0);
}

// A sink remembers what a key meant, so nothing but equal labels may have equal keys.
TEST_CASE("keys are the labels as 1.0 says them, in both versions and however they come") {
  const auto keys_of = [](WriteVersion version, const std::string& message) {
    const auto columns = decode_write_columns(version, message, {});
    REQUIRE(columns);
    std::vector<std::string> keys;
    for (const auto& series : columns->samples.series) {
      keys.emplace_back(series.key);
      const auto labels = columns->samples.labels(series.key);
      REQUIRE(labels);
      CHECK(*labels.value() == Labels{{"__name__", "x"}, {"job", "a"}});
      CHECK(columns->samples.times_ms.at(series.first) == 1);
      CHECK(series.count == 1);
    }
    return keys;
  };
  std::vector<std::string> keys;
  for (const auto version : kBoth) {
    MessageText message(version);
    message.add({{"__name__", "x"}, {"job", "a"}}, {{1, 1}});
    message.add({{"__name__", "x"}, {"job", "a"}}, {{1, 2}});
    for (const auto& key : keys_of(version, message.text())) keys.push_back(key);
  }
  // The labels in two runs, a sample between them.
  const std::string name = bytes_of("0a0d0a085f5f6e616d655f5f120178");
  const std::string job = bytes_of("0a080a036a6f62120161");
  const std::string sample = bytes_of("120b09000000000000f03f1001");
  std::string message;
  put_proto_bytes(message, 1, name + sample + job);
  put_proto_bytes(message, 1, sample + name + job);
  for (const auto& key : keys_of(WriteVersion::v1, message)) keys.push_back(key);
  REQUIRE(keys.size() == 6);
  for (const auto& key : keys) CHECK(key == name + job);
}

TEST_CASE("labels of any length and form are read") {
  const auto check = [](const std::string& name, const std::string& value) {
    const Labels want{{"__name__", "x"}, {name, value}, {"z", "1"}};
    const std::vector<LabeledSamples> series{series_of(want, {{1, 1}})};
    const auto requests = encode_write_requests(WriteVersion::v1, series, {}, {});
    const auto request = decode_write_request(WriteVersion::v1, requests.at(0).message, {});
    REQUIRE(request);
    CHECK(same_series(request->series, series));
  };
  for (const std::size_t length :
       {1, 59, 60, 61, 62, 63, 120, 121, 122, 126, 127, 128, 129, 1000}) {
    CAPTURE(length);
    check("a", std::string(length, 'v'));
    check(std::string(length, 'n'), "v");
    check(std::string(length, 'n'), std::string(length, 'v'));
  }
  // The value before the name, a field that nobody knows, an empty label between others.
  const auto read = [](std::string_view label) {
    std::string series;
    put_proto_bytes(series, 1, bytes_of("0a085f5f6e616d655f5f120178"));
    put_proto_bytes(series, 1, bytes_of(label));
    put_proto_bytes(series, 1, bytes_of("0a017a120131"));
    put_proto_bytes(series, 2, bytes_of("09000000000000f03f1001"));
    std::string message;
    put_proto_bytes(message, 1, series);
    const auto request = decode_write_request(WriteVersion::v1, message, {});
    REQUIRE(request);
    return request->series.empty() ? request->why : label_text(*request->series[0].labels);
  };
  CHECK(read("0a0161120176") == R"({__name__="x",a="v",z="1"})");
  CHECK(read("1201760a0161") == R"({__name__="x",a="v",z="1"})");
  CHECK(read("0a01611201761a0162") == R"({__name__="x",a="v",z="1"})");
  CHECK(read("0a01621201770a0161120176") == R"({__name__="x",a="v",z="1"})");
  CHECK(read("") == "a label name is empty");
}

TEST_CASE("a label that is no message makes all of it broken") {
  for (const char* label : {"0a01", "0a020a", "0a0208", "0a03120561", "0a0b0a"}) {
    std::string series = bytes_of(label);
    series += bytes_of("120b09000000000000f03f1001");
    std::string message;
    put_proto_bytes(message, 1, series);
    CAPTURE(label);
    CHECK_FALSE(decode_write_columns(WriteVersion::v1, message, {}));
  }
}

TEST_CASE("references outside of the symbols refuse their series") {
  const auto check = [](const std::string& refs) {
    std::string series;
    put_proto_bytes(series, 1, refs);
    put_proto_bytes(series, 2, bytes_of("09000000000000f03f1001"));
    std::string message;
    for (const char* symbol : {"", "__name__", "x"}) put_proto_bytes(message, 4, symbol);
    put_proto_bytes(message, 5, series);
    const auto request = decode_write_request(WriteVersion::v2, message, {});
    REQUIRE(request);
    return request->refused_series == 0 ? request->samples == 1 : false;
  };
  CHECK(check(bytes_of("0102")));
  CHECK_FALSE(check(bytes_of("0103")));
  CHECK_FALSE(check(bytes_of("0301")));
  CHECK_FALSE(check(bytes_of("01")));
  CHECK_FALSE(check(bytes_of("010201")));
  CHECK_FALSE(check(bytes_of("01ffffffffffffffffff01")));
  CHECK_FALSE(check(bytes_of("0001")));
}

TEST_CASE("the first symbol is empty") {
  const auto check = [](std::vector<std::string> symbols, bool want) {
    std::string message;
    for (const auto& symbol : symbols) put_proto_bytes(message, 4, symbol);
    put_proto_bytes(message, 5, bytes_of("0a020001"));
    CHECK(decode_write_request(WriteVersion::v2, message, {}).has_value() == want);
  };
  check({"", "a"}, true);
  check({"a", ""}, false);
  check({}, false);
  CHECK(decode_write_request(WriteVersion::v2, "", {}));
  CHECK(decode_write_request(WriteVersion::v1, "", {}));
}

TEST_CASE("exemplars and histograms are counted and left out") {
  for (const auto version : kBoth) {
    const bool v1 = version == WriteVersion::v1;
    std::string tail;
    put_proto_bytes(tail, v1 ? 3 : 4, "exemplar");
    put_proto_bytes(tail, v1 ? 4 : 3, "histogram");
    put_proto_bytes(tail, v1 ? 4 : 3, "another");
    MessageText message(version);
    message.add({{"__name__", "x"}}, {{1, 1}}, tail);
    message.add({{"__name__", "only_histograms"}}, {}, tail);
    const auto request = decode_write_request(version, message.text(), {});
    REQUIRE(request);
    CHECK(request->series.size() == 1);
    CHECK(request->exemplars == 2);
    CHECK(request->histograms == 4);
    CHECK(request->refused_series == 0);
  }
}

TEST_CASE("samples come out in rising time, the last of equals") {
  for (const auto version : kBoth) {
    MessageText message(version);
    message.add({{"__name__", "x"}}, {{5, 1}, {3, 2}, {5, 3}, {-1, 4}, {3, 5}});
    const auto request = decode_write_request(version, message.text(), {});
    REQUIRE(request);
    const std::vector<LabeledSamples> want = {
        series_of({{"__name__", "x"}}, {{-1, 4}, {3, 5}, {5, 3}})};
    CHECK(same_series(request->series, want));
    CHECK(request->samples == 3);
  }
}

TEST_CASE("a sample is read in whatever form its fields come") {
  const auto read = [](std::string_view sample) {
    std::string series;
    put_proto_bytes(series, 1, bytes_of("0a085f5f6e616d655f5f120178"));
    put_proto_bytes(series, 2, bytes_of(sample));
    std::string message;
    put_proto_bytes(message, 1, series);
    return decode_write_request(WriteVersion::v1, message, {});
  };
  const auto check = [&](std::string_view sample, std::int64_t time_ms, double value) {
    CAPTURE(sample);
    const auto request = read(sample);
    REQUIRE(request);
    const std::vector<LabeledSamples> want{series_of({{"__name__", "x"}}, {{time_ms, value}})};
    CHECK(same_series(request->series, want));
  };
  check("09000000000000f03f1005", 5, 1);
  check("100509000000000000f03f", 5, 1);
  check("09000000000000f03f", 0, 1);  // proto3 leaves out zeros
  check("1085808080808020", 140737488355333, 0);
  check("", 0, 0);
  check("09000000000000f03f10fbffffffffffffffff01", -5, 1);
  check("09000000000000f03f10051801", 5, 1);  // a field that nobody knows
  check("09000000000000f03f10051006", 6, 1);  // of two the last
  check("09000000000000f03f100509000000000000f0bf", 5, -1);
  for (const char* broken :
       {"09000000000000f03f10", "09000000000000f03f1085", "09000000000000f0",
        "09000000000000f03f1005ff", "09000000000000f03f10ffffffffffffffffff02"}) {
    CAPTURE(broken);
    CHECK_FALSE(read(broken));
  }
}

TEST_CASE("limits of a request") {
  const auto check = [](const WriteLimits& limits, bool want) {
    for (const auto version : kBoth) {
      MessageText message(version);
      message.add({{"__name__", "a"}, {"job", "x"}}, {{1, 1}, {2, 1}});
      message.add({{"__name__", "b"}, {"job", "x"}}, {{1, 1}, {2, 1}});
      const auto request = decode_write_request(version, message.text(), limits);
      CHECK(request.has_value() == want);
    }
  };
  WriteLimits limits;
  check(limits, true);
  limits.most_series = 1;
  check(limits, false);
  limits.most_series = 2;
  limits.most_samples = 3;
  check(limits, false);
  limits.most_samples = 4;
  check(limits, true);
  limits.most_label_bytes = 100;
  check(limits, false);
  limits = {};
  limits.most_bytes = 20;
  check(limits, false);
  limits = {};
  limits.most_labels = 1;
  MessageText message(WriteVersion::v2);
  message.add({{"__name__", "a"}, {"job", "x"}}, {{1, 1}});
  CHECK(decode_write_request(WriteVersion::v2, message.text(), limits)->refused_series == 1);
}

// A long symbol costs its sender a few bytes each time it is named again.
TEST_CASE("a symbol bomb is refused before it takes memory") {
  std::string message;
  for (const std::string& symbol : {std::string(), std::string("__name__"), std::string("a")}) {
    put_proto_bytes(message, 4, symbol);
  }
  put_proto_bytes(message, 4, std::string(4096, 'v'));
  std::string refs = bytes_of("0102");
  for (unsigned i = 0; i < 100; ++i) {
    put_proto_bytes(message, 4, "l" + std::to_string(100 + i));
    put_proto_varint(refs, 4 + i);
    put_proto_varint(refs, 3);
  }
  std::string series;
  put_proto_bytes(series, 1, refs);
  put_proto_bytes(series, 2, bytes_of("09000000000000f03f1001"));
  for (int i = 0; i < 10'000; ++i) put_proto_bytes(message, 5, series);  // 4 GB of labels in 3 MB
  const auto request = decode_write_request(WriteVersion::v2, message, {});
  REQUIRE_FALSE(request);
  CHECK(request.error().text.find("labels") != std::string::npos);
}

TEST_CASE("a histogram's family is described once") {
  std::string message;
  for (const char* symbol : {"", "__name__", "h_bucket", "h_sum", "help"}) {
    put_proto_bytes(message, 4, symbol);
  }
  for (const char* refs : {"0102", "0103"}) {
    std::string series;
    put_proto_bytes(series, 1, bytes_of(refs));
    put_proto_bytes(series, 2, bytes_of("1001"));
    put_proto_bytes(series, 5, bytes_of("08031804"));
    put_proto_bytes(message, 5, series);
  }
  const auto request = decode_write_request(WriteVersion::v2, message, {});
  REQUIRE(request);
  REQUIRE(request->metadata.size() == 1);
  CHECK(request->metadata[0].name == "h");
  CHECK(request->metadata[0].type == "histogram");
  CHECK(request->metadata[0].help == "help");
}

TEST_CASE("golden messages are written") {
  const auto check = [](WriteVersion version, std::string_view hex) {
    const auto requests = encode_write_requests(version, golden_series(), golden_metadata(), {});
    REQUIRE(requests.size() == 1);
    CHECK(hex_text(requests[0].message) == hex);
    CHECK(requests[0].series == 2);
    CHECK(requests[0].samples == 4);
  };
  check(WriteVersion::v1, kGoldenV1);
  check(WriteVersion::v2, kGoldenV2);
}

TEST_CASE("batches hold at most so many samples and bytes, and together all") {
  std::vector<LabeledSamples> all;
  for (int i = 0; i < 50; ++i) {
    Points points;
    for (int k = 0; k < i; ++k) points.emplace_back(1'000 * k, 0.25 * k * i);
    all.push_back(series_of({{"__name__", "metric"}, {"number", std::to_string(i)}}, points));
  }
  all.push_back(series_of({{"__name__", "large"}, {"text", std::string(3000, 'x')}}, {{1, 1}}));
  const auto check = [&](std::size_t most_samples, std::size_t most_bytes) {
    CAPTURE(most_samples, most_bytes);
    for (const auto version : kBoth) {
      const WriteBatchLimits limits{most_samples, most_bytes};
      const auto requests = encode_write_requests(version, all, golden_metadata(), limits);
      std::vector<LabeledSamples> back;
      for (const auto& request : requests) {
        CHECK(request.samples <= most_samples);
        CHECK((request.message.size() <= most_bytes || request.samples == 1));
        const auto decoded = decode_write_request(version, request.message, {});
        REQUIRE(decoded);
        CHECK(decoded->samples == request.samples);
        CHECK(decoded->series.size() == request.series);
        for (const auto& series : decoded->series) {
          if (back.empty() || *back.back().labels != *series.labels) {
            back.push_back(series);
            continue;
          }
          auto& last = back.back();
          last.times_ms.insert(last.times_ms.end(), series.times_ms.begin(), series.times_ms.end());
          last.values.insert(last.values.end(), series.values.begin(), series.values.end());
        }
      }
      CHECK(same_series(back, std::span(all).subspan(1)));  // all but the one without samples
      const auto again = encode_write_requests(version, all, golden_metadata(), limits);
      REQUIRE(again.size() == requests.size());
      for (std::size_t i = 0; i < again.size(); ++i) {
        CHECK(again[i].message == requests[i].message);
      }
    }
  };
  check(2000, 1 << 20);
  check(1, 1 << 20);
  check(7, 1 << 20);
  check(100, 1000);
  check(2000, 200);
  check(2000, 1);
}

TEST_CASE("metadata alone, and nothing") {
  CHECK(encode_write_requests(WriteVersion::v1, {}, {}, {}).empty());
  CHECK(encode_write_requests(WriteVersion::v2, {}, golden_metadata(), {}).empty());
  const auto requests = encode_write_requests(WriteVersion::v1, {}, golden_metadata(), {});
  REQUIRE(requests.size() == 1);
  CHECK(decode_write_request(WriteVersion::v1, requests[0].message, {})->metadata.size() == 1);
}

}  // namespace
}  // namespace volta
