#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/assert.hpp"
#include "prom/label_rules.hpp"
#include "prom/metric_type.hpp"
#include "prom/protobuf.hpp"
#include "prom/remote_write.hpp"

namespace volta {
namespace {

// As proto3 has it, zeros are left out; but not -0, which is another value.
std::size_t sample_size(std::int64_t time_ms, double value) {
  const std::size_t of_value = std::bit_cast<std::uint64_t>(value) == 0 ? 0 : 9;
  const std::size_t of_time =
      time_ms == 0 ? 0 : proto_uint_size(2, static_cast<std::uint64_t>(time_ms));
  return of_value + of_time;
}

void put_sample(std::string& out, std::int64_t time_ms, double value) {
  put_proto_head(out, 2, sample_size(time_ms, value));
  if (std::bit_cast<std::uint64_t>(value) != 0) put_proto_double(out, 1, value);
  if (time_ms != 0) put_proto_uint(out, 2, static_cast<std::uint64_t>(time_ms));
}

// A run of one series' samples.
struct Piece {
  const LabeledSamples* series;
  std::size_t begin = 0;
  std::size_t count = 0;
};

std::size_t samples_size(const Piece& piece) {
  std::size_t size = 0;
  for (std::size_t i = piece.begin; i < piece.begin + piece.count; ++i) {
    size += proto_bytes_size(2, sample_size(piece.series->times_ms[i], piece.series->values[i]));
  }
  return size;
}

void put_samples(std::string& out, const Piece& piece) {
  for (std::size_t i = piece.begin; i < piece.begin + piece.count; ++i) {
    put_sample(out, piece.series->times_ms[i], piece.series->values[i]);
  }
}

// A message in the making.
class Draft {
 public:
  virtual ~Draft() = default;
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  // At most so many bytes will a series add, its samples not counted.
  [[nodiscard]] virtual std::size_t labels_cost(const Labels& labels) const = 0;
  virtual void add(const Piece& piece) = 0;
  // Empties it.
  virtual std::string take() = 0;
};

class DraftV1 final : public Draft {
 public:
  explicit DraftV1(std::span<const MetricMetadata> metadata) {
    for (const auto& metric : metadata) add_metadata(metric);
  }
  [[nodiscard]] std::size_t bytes() const override { return out_.size() + metadata_.size(); }
  [[nodiscard]] std::size_t labels_cost(const Labels& labels) const override {
    return kHeadBytes + content_size(labels);
  }
  void add(const Piece& piece) override {
    const Labels& labels = *piece.series->labels;
    put_proto_head(out_, 1, content_size(labels) + samples_size(piece));
    for (const auto& [name, value] : labels) {
      put_proto_head(out_, 1, label_size(name, value));
      put_proto_bytes(out_, 1, name);
      put_proto_bytes(out_, 2, value);
    }
    put_samples(out_, piece);
  }
  std::string take() override {
    std::string message = std::move(out_);
    message += metadata_;
    out_.clear();
    metadata_.clear();
    return message;
  }

 private:
  static constexpr std::size_t kHeadBytes = 6;

  static std::size_t label_size(std::string_view name, std::string_view value) {
    return proto_bytes_size(1, name.size()) + proto_bytes_size(2, value.size());
  }
  static std::size_t content_size(const Labels& labels) {
    std::size_t size = 0;
    for (const auto& [name, value] : labels) size += proto_bytes_size(1, label_size(name, value));
    return size;
  }
  void add_metadata(const MetricMetadata& metric) {
    std::string content;
    if (const auto type = metric_type_number(metric.type)) put_proto_uint(content, 1, type);
    put_proto_bytes(content, 2, metric.name);
    if (!metric.help.empty()) put_proto_bytes(content, 4, metric.help);
    if (!metric.unit.empty()) put_proto_bytes(content, 5, metric.unit);
    put_proto_bytes(metadata_, 3, content);
  }

  std::string out_, metadata_;
};

class DraftV2 final : public Draft {
 public:
  explicit DraftV2(std::span<const MetricMetadata> metadata) {
    for (const auto& metric : metadata) metadata_.emplace(metric.name, &metric);
    clear();
  }
  [[nodiscard]] std::size_t bytes() const override { return out_.size() + symbols_.size(); }
  [[nodiscard]] std::size_t labels_cost(const Labels& labels) const override {
    std::size_t size = kHeadBytes;
    for (const auto& [name, value] : labels) size += symbol_cost(name) + symbol_cost(value);
    if (const auto* metric = described_by(labels)) {
      size += kHeadBytes + symbol_cost(metric->help) + symbol_cost(metric->unit);
    }
    return size;
  }
  void add(const Piece& piece) override {
    std::string refs;
    for (const auto& [name, value] : *piece.series->labels) {
      put_proto_varint(refs, ref(name));
      put_proto_varint(refs, ref(value));
    }
    std::string metadata;
    if (const auto* metric = described_by(*piece.series->labels)) {
      if (const auto type = metric_type_number(metric->type)) put_proto_uint(metadata, 1, type);
      if (!metric->help.empty()) put_proto_uint(metadata, 3, ref(metric->help));
      if (!metric->unit.empty()) put_proto_uint(metadata, 4, ref(metric->unit));
    }
    std::size_t size = proto_bytes_size(1, refs.size()) + samples_size(piece);
    if (!metadata.empty()) size += proto_bytes_size(5, metadata.size());
    put_proto_head(out_, 5, size);
    put_proto_bytes(out_, 1, refs);
    put_samples(out_, piece);
    if (!metadata.empty()) put_proto_bytes(out_, 5, metadata);
  }
  std::string take() override {
    std::string message = std::move(symbols_);
    message += out_;
    clear();
    return message;
  }

 private:
  static constexpr std::size_t kHeadBytes = 12;  // of a field in a field
  static constexpr std::size_t kMostRefBytes = 5;

  void clear() {
    refs_.clear();
    symbols_.clear();
    out_.clear();
    ref("");
  }
  std::size_t symbol_cost(const std::string& text) const {
    return kMostRefBytes + (refs_.contains(text) ? 0 : proto_bytes_size(4, text.size()));
  }
  std::uint64_t ref(std::string_view text) {
    const auto [entry, fresh] = refs_.emplace(text, refs_.size());
    if (fresh) put_proto_bytes(symbols_, 4, text);
    return entry->second;
  }
  const MetricMetadata* described_by(const Labels& labels) const {
    if (metadata_.empty()) return nullptr;
    const std::string_view name = label_value(labels, kNameLabel);
    auto found = metadata_.find(name);
    if (found == metadata_.end()) found = metadata_.find(without_part_suffix(name));
    return found == metadata_.end() ? nullptr : found->second;
  }

  // Views of the caller's labels and metadata, which outlive the draft.
  std::map<std::string_view, const MetricMetadata*> metadata_;
  std::unordered_map<std::string_view, std::uint64_t> refs_;
  std::string symbols_, out_;
};

class Batcher {
 public:
  Batcher(Draft& draft, const WriteBatchLimits& limits) : draft_(&draft), limits_(&limits) {}

  void add(const LabeledSamples& series) {
    for (std::size_t begin = 0; begin < series.times_ms.size();) {
      Piece piece{&series, begin, fitting(series, begin)};
      if (piece.count == 0) {
        flush();
        // Into an empty message goes one sample at least, however large its labels.
        piece.count = std::max<std::size_t>(1, fitting(series, begin));
      }
      draft_->add(piece);
      begin += piece.count;
      ++series_;
      samples_ += piece.count;
    }
  }
  void flush() {
    if (samples_ == 0) return;
    done_.push_back({draft_->take(), series_, samples_});
    series_ = samples_ = 0;
  }
  std::vector<EncodedWrite> take() {
    flush();
    return std::move(done_);
  }

 private:
  // How many samples from `begin` on the message has room for.
  [[nodiscard]] std::size_t fitting(const LabeledSamples& series, std::size_t begin) const {
    const std::size_t most =
        std::min(series.times_ms.size() - begin, limits_->most_samples - samples_);
    std::size_t bytes = draft_->bytes() + draft_->labels_cost(*series.labels);
    for (std::size_t count = 0; count < most; ++count) {
      bytes += proto_bytes_size(
          2, sample_size(series.times_ms[begin + count], series.values[begin + count]));
      if (bytes > limits_->most_bytes) return count;
    }
    return most;
  }

  Draft* draft_;
  const WriteBatchLimits* limits_;
  std::vector<EncodedWrite> done_;
  std::size_t series_ = 0, samples_ = 0;
};

}  // namespace

std::vector<EncodedWrite> encode_write_requests(WriteVersion version,
                                                std::span<const LabeledSamples> series,
                                                std::span<const MetricMetadata> metadata,
                                                const WriteBatchLimits& limits) {
  VOLTA_ASSERT(limits.most_samples > 0);
  std::unique_ptr<Draft> draft;
  if (version == WriteVersion::v2) {
    draft = std::make_unique<DraftV2>(metadata);
  } else {
    draft = std::make_unique<DraftV1>(metadata);
  }
  Batcher batcher(*draft, limits);
  for (const auto& one : series) {
    VOLTA_ASSERT(one.times_ms.size() == one.values.size());
    batcher.add(one);
  }
  auto requests = batcher.take();
  // Metadata alone is worth a message in 1.0 and cannot be said in 2.0.
  if (requests.empty() && version == WriteVersion::v1 && !metadata.empty()) {
    requests.push_back({draft->take(), 0, 0});
  }
  return requests;
}

}  // namespace volta
