#include "prom/prometheus_formats.hpp"

#include "prom/prometheus_json.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

using RefusalKind = FormatRefusal::Kind;

constexpr const char* kNotSnappy = "the body must be compressed: Content-Encoding: snappy";

// The message in a snappy block.
std::variant<std::string, FormatRefusal> unpacked(std::string_view body, std::size_t most_bytes) {
  const bool too_large = snappy_declared_size(body).value_or(0) > most_bytes;
  auto message = snappy_uncompress(body, most_bytes);
  if (message) return *std::move(message);
  return FormatRefusal{too_large ? RefusalKind::too_large : RefusalKind::malformed,
                       message.error().text};
}

}  // namespace

std::string PrometheusWireFormats::query_answer(const QueryAnswer& answer) const {
  return query_answer_json(answer);
}

std::variant<RemoteWriteBatch, FormatRefusal> PrometheusWireFormats::decode_write(
    const RemoteBodyHeaders& headers, std::string_view body) const {
  const auto version = announced_write_version(headers.content_type, headers.write_version);
  if (!version) {
    return FormatRefusal{RefusalKind::unsupported_type,
                         "the body must be prometheus.WriteRequest (remote write 1.0) or "
                         "io.prometheus.write.v2.Request (2.0) as application/x-protobuf"};
  }
  if (!write_encoding_known(headers.content_encoding)) {
    return FormatRefusal{RefusalKind::unsupported_type, kNotSnappy};
  }
  auto message = unpacked(body, write_limits_.most_bytes);
  if (auto* refusal = std::get_if<FormatRefusal>(&message)) return std::move(*refusal);
  // Keys lie in the message, so it goes with them.
  struct Held {
    std::string message;
    std::shared_ptr<const void> keys;
  };
  const auto held = std::make_shared<Held>();
  held->message = std::get<std::string>(std::move(message));
  auto columns = decode_write_columns(*version, held->message, write_limits_);
  if (!columns) return FormatRefusal{RefusalKind::malformed, columns.error().text};
  held->keys = std::move(columns->keys);
  RemoteWriteBatch batch;
  batch.version_2 = *version == WriteVersion::v2;
  batch.samples = std::move(columns->samples);
  batch.keys = held;
  batch.metadata = std::move(columns->metadata);
  batch.refused = columns->refused_samples;
  batch.why = std::move(columns->why);
  return batch;
}

std::variant<std::vector<RemoteReadQuery>, FormatRefusal> PrometheusWireFormats::decode_read(
    const RemoteBodyHeaders& headers, std::string_view body) const {
  if (!headers.content_encoding.empty() && !write_encoding_known(headers.content_encoding)) {
    return FormatRefusal{RefusalKind::unsupported_type, kNotSnappy};
  }
  auto message = unpacked(body, read_limits_.most_bytes);
  if (auto* refusal = std::get_if<FormatRefusal>(&message)) return std::move(*refusal);
  auto queries = decode_read_request(std::get<std::string>(message), read_limits_);
  if (!queries) return FormatRefusal{RefusalKind::malformed, queries.error().text};
  std::vector<RemoteReadQuery> out;
  out.reserve(queries->size());
  for (ReadQuery& query : *queries) out.push_back({query.span, std::move(query.matchers)});
  return out;
}

std::string PrometheusWireFormats::encode_read(
    std::vector<std::vector<LabeledSamples>> results) const {
  return snappy_compress(encode_read_response(std::move(results)));
}

std::string PrometheusWireFormats::federation_text(const VectorValue& newest) const {
  return volta::federation_text(newest);
}

}  // namespace volta
