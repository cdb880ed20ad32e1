// The formats in which Prometheus speaks, as api/ needs them; implemented by prom/. No state that
// shows, no I/O. Everything decoded here came from outside, and every length in it is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/query_engine.hpp"
#include "model/sample_sink.hpp"

namespace volta {

// Why a body was not read at all.
struct FormatRefusal {
  enum class Kind : std::uint8_t {
    malformed,         // 400
    unsupported_type,  // 415: another message, or another compression
    too_large          // 413: by what it says of its own length
  };
  Kind kind = Kind::malformed;
  std::string text;
};

// What one remote write brought. What cannot be kept is counted; the rest is to be written.
struct RemoteWriteBatch {
  bool version_2 = false;  // its sender wants to be told how much was written
  KeyedSamples samples;
  std::shared_ptr<const void> keys;  // what the keys of the samples lie in
  std::vector<MetricMetadata> metadata;
  std::size_t refused = 0;        // samples of series that have no key
  std::size_t refused_empty = 0;  // such series that had no samples
  std::string why;                // of the first refusal
};

struct RemoteReadQuery {
  TimeSpan span;
  Matchers matchers;
};

// The headers that say what a remote write or read body is; "" where absent.
struct RemoteBodyHeaders {
  std::string_view content_type;
  std::string_view content_encoding;
  std::string_view write_version;  // X-Prometheus-Remote-Write-Version
};

// Thread-safe.
class PrometheusFormats {
 public:
  virtual ~PrometheusFormats() = default;

  // The body of the answer to query and query_range: {"status":"success","data":{...}}, with
  // `warnings` if there are any.
  [[nodiscard]] virtual std::string query_answer(const QueryAnswer& answer) const = 0;

  // Whether the headers announce a request of remote write 2.0, whatever becomes of it.
  [[nodiscard]] virtual bool announces_write_2(const RemoteBodyHeaders& headers) const = 0;
  // Remote write 1.0 and 2.0.
  [[nodiscard]] virtual std::variant<RemoteWriteBatch, FormatRefusal> decode_write(
      const RemoteBodyHeaders& headers, std::string_view body) const = 0;

  [[nodiscard]] virtual std::variant<std::vector<RemoteReadQuery>, FormatRefusal> decode_read(
      const RemoteBodyHeaders& headers, std::string_view body) const = 0;
  // The answer's body (application/x-protobuf, compressed by snappy): one element a query, in the
  // queries' order.
  [[nodiscard]] virtual std::string encode_read(
      std::vector<std::vector<LabeledSamples>> results) const = 0;

  // Exposition text 0.0.4 with timestamps. Elements are ordered by name, then labels.
  [[nodiscard]] virtual std::string federation_text(const VectorValue& newest) const = 0;
};

}  // namespace volta
