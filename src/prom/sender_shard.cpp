#include "prom/sender_shard.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "model/sample_order.hpp"
#include "prom/snappy_block.hpp"

namespace volta {
namespace {

// Rows of the same series become one, in rising time; of two samples for one time the later row's.
LabeledSamples joined_rows(const std::vector<const LabeledSamples*>& rows) {
  LabeledSamples out{rows.front()->labels, {}, {}};
  for (const LabeledSamples* row : rows) {
    out.times_ms.insert(out.times_ms.end(), row->times_ms.begin(), row->times_ms.end());
    out.values.insert(out.values.end(), row->values.begin(), row->values.end());
  }
  put_in_order(out);
  return out;
}

struct LabelsLess {
  bool operator()(const Labels* a, const Labels* b) const { return *a < *b; }
};

}  // namespace

std::string write_body(WriteVersion version, std::span<const LabeledSamples> series) {
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  const std::vector<EncodedWrite> messages =
      encode_write_requests(version, series, {}, {kAll, kAll});
  return snappy_compress(messages.empty() ? std::string() : messages.front().message);
}

std::size_t shard_of(const Labels& labels, std::size_t shards) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a, 64 bits
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
    hash = (hash ^ 0xffU) * 0x100'0000'01b3;  // no byte of UTF-8
  };
  for (const auto& [name, value] : labels) {
    add(name);
    add(value);
  }
  return static_cast<std::size_t>((hash ^ (hash >> 32U)) % shards);
}

void SenderShard::offer(ForwardRow row, Time now) {
  if (row.position <= cursor_.done) return;
  if (row.position > cursor_.until) {
    replay_complete_ = true;
    if (queue_.empty()) cursor_.until = {};  // retention was quicker
  }
  queued_ += row.samples.times_ms.size();
  queue_.push_back({std::move(row), now});
}

void SenderShard::reached(ForwardPosition position) {
  if (position >= cursor_.until) replay_complete_ = true;
  if (!queue_.empty()) return;
  cursor_.done = std::max(cursor_.done, position);
  if (replay_complete_) cursor_.until = {};
}

std::optional<SenderShard::Time> SenderShard::due() const {
  if (queue_.empty()) return std::nullopt;
  const Time first = queue_.front().since;
  if (replaying()) return replay_complete_ ? std::optional(first) : std::nullopt;
  return queued_ >= limits_.most_samples ? first : first + limits_.deadline;
}

std::size_t SenderShard::rows_for_one() const {
  std::size_t rows = 0;
  std::size_t samples = 0;
  for (const Waiting& waiting : queue_) {
    samples += waiting.row.samples.times_ms.size();
    if (replaying() ? waiting.row.position > cursor_.until
                    : rows > 0 && samples > limits_.most_samples) {
      break;
    }
    ++rows;
  }
  return rows;
}

void SenderShard::compose(WriteVersion version) {
  VOLTA_ASSERT(!request_ && !queue_.empty());
  const bool replay = replaying();
  SenderRequest request;
  request.rows = std::max<std::size_t>(1, rows_for_one());
  request_ = std::move(request);
  recompose(version);
  if (replay) return;
  // Rarely (enormous labels) it is too long: half of the rows, then. What was too long once is
  // never on its way, so a replay meets nothing of this.
  while (request_->rows > 1 && request_->body.size() > limits_.most_bytes) {
    request_->rows /= 2;
    recompose(version);
  }
  cursor_.until = queue_[request_->rows - 1].row.position;
}

std::vector<LabeledSamples> SenderShard::requested() const {
  VOLTA_ASSERT(request_.has_value());
  std::map<const Labels*, std::vector<const LabeledSamples*>, LabelsLess> by_series;
  std::vector<const Labels*> order;  // in which the series come first
  for (std::size_t i = 0; i < request_->rows; ++i) {
    const LabeledSamples& samples = queue_[i].row.samples;
    auto& rows = by_series[samples.labels.get()];
    if (rows.empty()) order.push_back(samples.labels.get());
    rows.push_back(&samples);
  }
  std::vector<LabeledSamples> series;
  series.reserve(order.size());
  for (const Labels* labels : order) series.push_back(joined_rows(by_series.at(labels)));
  return series;
}

void SenderShard::recompose(WriteVersion version) {
  const std::vector<LabeledSamples> series = requested();
  request_->samples = 0;
  request_->oldest_ms = std::numeric_limits<std::int64_t>::max();
  for (const LabeledSamples& one : series) {
    request_->samples += one.times_ms.size();
    if (one.times_ms.empty()) continue;
    request_->oldest_ms = std::min(request_->oldest_ms, one.times_ms.front());
  }
  request_->version = version;
  request_->body = write_body(version, series);
}

void SenderShard::finish() {
  VOLTA_ASSERT(request_.has_value());
  for (std::size_t i = 0; i < request_->rows; ++i) {
    queued_ -= queue_.front().row.samples.times_ms.size();
    cursor_.done = queue_.front().row.position;
    queue_.pop_front();
  }
  cursor_.until = {};
  request_.reset();
  backoff_.reset();
  retry_at_ = {};
}

std::optional<std::int64_t> SenderShard::oldest_ms() const {
  if (request_) return request_->oldest_ms;
  if (queue_.empty() || queue_.front().row.samples.times_ms.empty()) return std::nullopt;
  return queue_.front().row.samples.times_ms.front();
}

}  // namespace volta
