// The formats of src/prom as Prometheus' HTTP API (api/) wants them: one object over its functions.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "model/prometheus_formats.hpp"
#include "prom/remote_read.hpp"
#include "prom/remote_write.hpp"

namespace volta {

class MessageBuffers;

// Thread-safe. Keeps a few buffers for messages, nothing else.
class PrometheusWireFormats final : public PrometheusFormats {
 public:
  explicit PrometheusWireFormats(const WriteLimits& write = {}, const ReadLimits& read = {});

  [[nodiscard]] std::string query_answer(const QueryAnswer& answer) const override;
  [[nodiscard]] bool announces_write_2(const RemoteBodyHeaders& headers) const override;
  // Content types as remote_write.hpp has them; what a block declares beyond the limits is
  // too_large before anything is uncompressed.
  [[nodiscard]] std::variant<RemoteWriteBatch, FormatRefusal> decode_write(
      const RemoteBodyHeaders& headers, std::string_view body) const override;
  // A body without Content-Encoding is taken for snappy, as Prometheus takes it.
  [[nodiscard]] std::variant<std::vector<RemoteReadQuery>, FormatRefusal> decode_read(
      const RemoteBodyHeaders& headers, std::string_view body) const override;
  [[nodiscard]] std::string encode_read(
      std::vector<std::vector<LabeledSamples>> results) const override;
  [[nodiscard]] std::string federation_text(const VectorValue& newest) const override;

 private:
  const WriteLimits write_limits_;
  const ReadLimits read_limits_;
  const std::shared_ptr<MessageBuffers> buffers_;  // what is decoded may outlive this
};

}  // namespace volta
