#include "prom/prometheus_formats.hpp"

#include <mutex>
#include <optional>

#include "prom/prometheus_json.hpp"
#include "prom/snappy_block.hpp"

namespace volta {

// Memory of messages that are done with. A message of half a MiB would else be asked of the kernel
// for each request, and given back, page by page. Thread-safe.
class MessageBuffers {
 public:
  std::string take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return {};
    std::string buffer = std::move(idle_.back());
    idle_.pop_back();
    return buffer;
  }
  void give_back(std::string buffer) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMostIdle && buffer.capacity() <= kLargestIdle)
      idle_.push_back(std::move(buffer));
  }

 private:
  static constexpr std::size_t kMostIdle = 8;
  static constexpr std::size_t kLargestIdle = 2U << 20U;
  std::mutex mutex_;
  std::vector<std::string> idle_;
};

namespace {

using RefusalKind = FormatRefusal::Kind;

constexpr const char* kNotSnappy = "the body must be compressed: Content-Encoding: snappy";

// The message in a snappy block, into `message`.
std::optional<FormatRefusal> unpack(std::string_view body, std::size_t most_bytes,
                                    std::string& message) {
  const bool too_large = snappy_declared_size(body).value_or(0) > most_bytes;
  const auto done = snappy_uncompress(body, most_bytes, message);
  if (done) return std::nullopt;
  return FormatRefusal{too_large ? RefusalKind::too_large : RefusalKind::malformed,
                       done.error().text};
}

// A message and all else that keys lie in, for as long as somebody has keys.
struct HeldMessage {
  explicit HeldMessage(std::shared_ptr<MessageBuffers> buffers)
      : pool(std::move(buffers)), message(pool->take()) {}
  ~HeldMessage() { pool->give_back(std::move(message)); }
  HeldMessage(const HeldMessage&) = delete;
  HeldMessage& operator=(const HeldMessage&) = delete;

  std::shared_ptr<MessageBuffers> pool;
  std::string message;
  std::shared_ptr<const void> keys;
};

}  // namespace

PrometheusWireFormats::PrometheusWireFormats(const WriteLimits& write, const ReadLimits& read)
    : write_limits_(write), read_limits_(read), buffers_(std::make_shared<MessageBuffers>()) {}

std::string PrometheusWireFormats::query_answer(const QueryAnswer& answer) const {
  return query_answer_json(answer);
}

bool PrometheusWireFormats::announces_write_2(const RemoteBodyHeaders& headers) const {
  return announced_write_version(headers.content_type, headers.write_version) == WriteVersion::v2;
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
  const auto held = std::make_shared<HeldMessage>(buffers_);
  if (auto refusal = unpack(body, write_limits_.most_bytes, held->message)) {
    return *std::move(refusal);
  }
  auto columns = decode_write_columns(*version, held->message, write_limits_);
  if (!columns) return FormatRefusal{RefusalKind::malformed, columns.error().text};
  held->keys = std::move(columns->keys);
  RemoteWriteBatch batch;
  batch.version_2 = *version == WriteVersion::v2;
  batch.samples = std::move(columns->samples);
  batch.keys = held;
  batch.metadata = std::move(columns->metadata);
  batch.refused = columns->refused_samples;
  batch.refused_empty = columns->refused_empty;
  batch.why = std::move(columns->why);
  return batch;
}

std::variant<std::vector<RemoteReadQuery>, FormatRefusal> PrometheusWireFormats::decode_read(
    const RemoteBodyHeaders& headers, std::string_view body) const {
  if (!headers.content_encoding.empty() && !write_encoding_known(headers.content_encoding)) {
    return FormatRefusal{RefusalKind::unsupported_type, kNotSnappy};
  }
  std::string message;
  if (auto refusal = unpack(body, read_limits_.most_bytes, message)) return *std::move(refusal);
  auto queries = decode_read_request(message, read_limits_);
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
