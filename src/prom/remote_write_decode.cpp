#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_set>

#include "model/sample_order.hpp"
#include "prom/label_rules.hpp"
#include "prom/metric_type.hpp"
#include "prom/protobuf.hpp"
#include "prom/remote_write.hpp"

namespace volta {
namespace {

using SharedLabels = std::shared_ptr<const Labels>;

// Series that a message is expected to have before they came; what is more makes room for itself.
constexpr std::size_t kMostExpected = 16'384;

constexpr const char* kBroken = "the remote write message is not valid protobuf";

// Bytes that stay where they are put.
class KeyArena {
 public:
  // Room at the end of a chunk that takes so many more bytes without moving.
  std::string& room(std::size_t bytes) {
    if (chunks_.empty() || chunks_.back().capacity() - chunks_.back().size() < bytes) {
      chunks_.emplace_back().reserve(std::max(bytes, kChunkBytes));
    }
    return chunks_.back();
  }

 private:
  static constexpr std::size_t kChunkBytes = 64U << 10U;
  std::deque<std::string> chunks_;
};

// False: broken.
bool read_label(std::string_view content, LabelView& label) {
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) label.name = reader.bytes();
    if (reader.field() == 2) label.value = reader.bytes();
  }
  return !reader.failed();
}

// A sample as every sender writes it: both fields, once each and in their order.
bool plain_sample(std::string_view content, double& value, std::int64_t& time_ms) {
  constexpr std::size_t kTimeTag = 1 + sizeof value;
  if (content.size() < kTimeTag + 2 || content[0] != 0x09 || content[kTimeTag] != 0x10) {
    return false;
  }
  std::memcpy(&value, content.data() + 1, sizeof value);
  std::string_view rest = content.substr(kTimeTag + 1);
  std::uint64_t time = 0;
  if (!cut_varint(rest, time) || !rest.empty()) return false;
  time_ms = static_cast<std::int64_t>(time);
  return true;
}

// How far the message consists of labels as every sender writes them: name and value, each below
// 128 bytes, and nothing else. Counts them. What follows is for the reader.
std::size_t plain_labels(std::string_view message, std::size_t& labels) {
  std::size_t end = 0;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(message[i]); };
  while (message.size() - end >= 6 && at(end) == 0x0a && at(end + 1) < 0x80) {
    const std::size_t next = end + 2 + at(end + 1);
    const std::size_t value = end + 4 + at(end + 3);  // its tag
    const bool plain = next <= message.size() && at(end + 2) == 0x0a && value + 2 <= next &&
                       at(value) == 0x12 && at(value + 1) < 0x80 &&
                       value + 2 + at(value + 1) == next;
    if (!plain) break;
    end = next;
    ++labels;
  }
  return end;
}

// Of labels that are known to be valid protobuf.
Result<SharedLabels> labels_of_key(std::string_view key, const LabelLimits& limits) {
  std::vector<LabelView> labels;
  ProtoReader reader(key);
  // One more than allowed is enough to be refused.
  while (reader.next() && labels.size() <= limits.most_labels) {
    read_label(reader.bytes(), labels.emplace_back());
  }
  if (auto problem = labels_problem(labels, limits); !problem.empty()) {
    return Error{std::move(problem)};
  }
  return to_labels(labels);
}

// One request. Views point into the message or the arena.
class RequestDecoder {
 public:
  explicit RequestDecoder(const WriteLimits& limits)
      : limits_(limits),
        label_limits_{limits.most_labels, limits.longest_name, limits.longest_value} {}

  // Both answer whether the whole can be used; if not, see problem().
  bool decode_v1(std::string_view message);
  bool decode_v2(std::string_view message);
  [[nodiscard]] const std::string& problem() const { return problem_; }
  WriteColumns take();

 private:
  bool fail(std::string why);  // false
  bool series_v1(std::string_view content);
  bool series_v2(std::string_view content);
  std::string_view joined_labels(std::string_view content, std::size_t bytes);
  bool read_sample(std::string_view content);
  bool read_refs(ProtoReader& reader);
  bool read_symbols(std::string_view message, bool& any_series);
  // False: a reference points outside.
  bool resolve_refs();
  bool key_v2(std::string_view& key);
  // Makes room for a message of series like this one.
  void expect_like(std::string_view series, std::string_view message);
  bool begin_series();
  bool end_series(std::string_view key, std::size_t labels);
  void refuse(std::string why);
  bool charge(std::size_t bytes);
  bool metadata_v1(std::string_view content);
  bool metadata_v2(std::string_view content);
  void add_metadata(MetricMetadata metric);
  [[nodiscard]] std::string_view symbol(std::uint64_t ref) const {
    return ref < symbols_.size() ? symbols_[ref] : std::string_view();
  }

  const WriteLimits& limits_;
  const LabelLimits label_limits_;
  WriteColumns out_;
  std::string problem_;
  std::shared_ptr<KeyArena> arena_ = std::make_shared<KeyArena>();
  std::size_t series_seen_ = 0, samples_seen_ = 0;
  std::size_t label_bytes_ = 0;
  std::size_t first_ = 0;  // of the samples of the series at hand
  // 2.0
  std::vector<LabelView> labels_;
  std::vector<std::uint64_t> refs_;
  std::vector<std::string_view> symbols_;
  std::unordered_set<std::string_view> described_;
};

bool RequestDecoder::fail(std::string why) {
  if (problem_.empty()) problem_ = std::move(why);
  return false;
}

WriteColumns RequestDecoder::take() {
  out_.keys = arena_;
  out_.samples.labels = [limits = label_limits_](std::string_view key) {
    return labels_of_key(key, limits);
  };
  return std::move(out_);
}

void RequestDecoder::expect_like(std::string_view series, std::string_view message) {
  // A series takes a tag and a length besides; the next ones may be a little shorter.
  const std::size_t likely =
      std::min(message.size() / (series.size() + 2) * 9 / 8 + 8, kMostExpected);
  out_.samples.series.reserve(likely);
  out_.samples.times_ms.reserve(likely);
  out_.samples.values.reserve(likely);
}

bool RequestDecoder::begin_series() {
  first_ = out_.samples.times_ms.size();
  if (++series_seen_ <= limits_.most_series) return true;
  return fail("more than " + std::to_string(limits_.most_series) + " series in one request");
}

bool RequestDecoder::read_sample(std::string_view content) {
  if (++samples_seen_ > limits_.most_samples) {
    return fail("more than " + std::to_string(limits_.most_samples) + " samples in one request");
  }
  double value = 0;
  std::int64_t time_ms = 0;
  bool valid = plain_sample(content, value, time_ms);
  if (!valid) {
    value = 0;
    ProtoReader reader(content);
    while (reader.next()) {
      if (reader.field() == 1) value = reader.real();
      if (reader.field() == 2) time_ms = reader.int64();
    }
    valid = !reader.failed();
  }
  out_.samples.times_ms.push_back(time_ms);
  out_.samples.values.push_back(value);
  return valid || fail(kBroken);
}

void RequestDecoder::refuse(std::string why) {
  if (out_.refused_series++ == 0) out_.why = std::move(why);
  if (out_.samples.times_ms.size() == first_) ++out_.refused_empty;
  out_.refused_samples += out_.samples.times_ms.size() - first_;
  out_.samples.times_ms.resize(first_);
  out_.samples.values.resize(first_);
}

bool RequestDecoder::charge(std::size_t bytes) {
  label_bytes_ += bytes;
  return label_bytes_ <= limits_.most_label_bytes;
}

bool RequestDecoder::end_series(std::string_view key, std::size_t labels) {
  if (!charge(key.size() + labels * sizeof(Labels::value_type))) {
    return fail("the labels of one request are too large");
  }
  put_in_order(out_.samples.times_ms, out_.samples.values, first_);
  out_.samples.series.push_back(
      {key, static_cast<std::uint32_t>(first_),
       static_cast<std::uint32_t>(out_.samples.times_ms.size() - first_)});
  return true;
}

bool RequestDecoder::series_v1(std::string_view content) {
  if (!begin_series()) return false;
  // The key is the run of label fields as it stands. Labels that come in several runs (no sender
  // does that) are put together.
  std::size_t labels = 0;
  std::string_view run = content.substr(0, plain_labels(content, labels));
  std::size_t bytes = run.size();
  ProtoReader reader(content.substr(bytes));
  const char* field_begin = reader.rest().data();
  while (reader.next()) {
    if (reader.field() == 1) {
      LabelView label;
      if (!read_label(reader.bytes(), label)) return fail(kBroken);
      const char* const end = reader.rest().data();
      if (reader.failed()) return fail(kBroken);
      const char* const begin = labels++ == 0 ? field_begin : run.data();
      run = {begin, static_cast<std::size_t>(end - begin)};
      bytes += static_cast<std::size_t>(end - field_begin);
    } else if (reader.field() == 2) {
      if (!read_sample(reader.bytes())) return false;
    } else if (reader.field() == 3 || reader.field() == 4) {
      ++(reader.field() == 3 ? out_.exemplars : out_.histograms);
      reader.bytes();
    } else {
      reader.skip();
    }
    if (reader.failed()) return fail(kBroken);
    field_begin = reader.rest().data();
  }
  if (reader.failed()) return fail(kBroken);
  return end_series(run.size() == bytes ? run : joined_labels(content, bytes), labels);
}

std::string_view RequestDecoder::joined_labels(std::string_view content, std::size_t bytes) {
  std::string& chunk = arena_->room(bytes);
  const std::size_t begin = chunk.size();
  ProtoReader reader(content);
  const char* field_begin = content.data();
  while (reader.next()) {
    const bool is_label = reader.field() == 1;
    reader.skip();
    if (is_label) chunk.append(field_begin, reader.rest().data());
    field_begin = reader.rest().data();
  }
  return std::string_view(chunk).substr(begin);
}

bool RequestDecoder::decode_v1(std::string_view message) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1) {
      const std::string_view series = reader.bytes();
      if (series_seen_ == 0) expect_like(series, message);
      if (!series_v1(series)) return false;
    } else if (reader.field() == 3) {
      if (!metadata_v1(reader.bytes())) return fail(kBroken);
    }
  }
  return !reader.failed() || fail(kBroken);
}

bool RequestDecoder::read_symbols(std::string_view message, bool& any_series) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == 4) {
      if (symbols_.size() == limits_.most_symbols) return false;
      symbols_.push_back(reader.bytes());
    }
    any_series = any_series || reader.field() == 5;
  }
  return true;
}

bool RequestDecoder::read_refs(ProtoReader& reader) {
  if (reader.type() == WireType::varint) {
    refs_.push_back(reader.varint());
    return true;
  }
  PackedVarints refs(reader.bytes());
  for (std::uint64_t ref = 0; refs_.size() <= 2 * (limits_.most_labels + 1) && refs.next(ref);) {
    refs_.push_back(ref);
  }
  return !refs.failed() || fail(kBroken);
}

bool RequestDecoder::resolve_refs() {
  labels_.clear();
  if (refs_.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < refs_.size(); i += 2) {
    if (refs_[i] >= symbols_.size() || refs_[i + 1] >= symbols_.size()) return false;
    labels_.push_back({symbols_[refs_[i]], symbols_[refs_[i + 1]]});
  }
  return true;
}

// As 1.0 would say the labels, so that both versions meet at one key. False: too large.
bool RequestDecoder::key_v2(std::string_view& key) {
  std::size_t bytes = 0;
  const auto content = [](const LabelView& label) {
    return proto_bytes_size(1, label.name.size()) + proto_bytes_size(2, label.value.size());
  };
  for (const LabelView& label : labels_) bytes += proto_bytes_size(1, content(label));
  if (label_bytes_ + bytes > limits_.most_label_bytes) return false;
  std::string& chunk = arena_->room(bytes);
  const std::size_t begin = chunk.size();
  for (const LabelView& label : labels_) {
    put_proto_head(chunk, 1, content(label));
    put_proto_bytes(chunk, 1, label.name);
    put_proto_bytes(chunk, 2, label.value);
  }
  key = std::string_view(chunk).substr(begin);
  return true;
}

bool RequestDecoder::series_v2(std::string_view content) {
  if (!begin_series()) return false;
  refs_.clear();
  std::string_view metadata;
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) {
      if (!read_refs(reader)) return false;
    } else if (reader.field() == 2) {
      if (!read_sample(reader.bytes())) return false;
    } else if (reader.field() == 3 || reader.field() == 4) {
      ++(reader.field() == 4 ? out_.exemplars : out_.histograms);
      reader.bytes();
    } else if (reader.field() == 5) {
      metadata = reader.bytes();
    }
  }
  if (reader.failed()) return fail(kBroken);
  if (refs_.size() > 2 * limits_.most_labels) {
    refuse("a series has more than " + std::to_string(limits_.most_labels) + " labels");
    return true;
  }
  if (!resolve_refs()) {
    refuse("a series' label references do not point into the symbols");
    return true;
  }
  if (!metadata.empty() && !metadata_v2(metadata)) return fail(kBroken);
  for (const LabelView& label : labels_) {
    if (label.name.size() > limits_.longest_name || label.value.size() > limits_.longest_value) {
      refuse(labels_problem(labels_, label_limits_));
      return true;
    }
  }
  std::string_view key;
  if (!key_v2(key)) return fail("the labels of one request are too large");
  return end_series(key, labels_.size());
}

bool RequestDecoder::decode_v2(std::string_view message) {
  bool any_series = false;
  if (!read_symbols(message, any_series)) {
    return fail("more than " + std::to_string(limits_.most_symbols) + " symbols in one request");
  }
  if (symbols_.empty() ? any_series : !symbols_.front().empty()) {
    return fail("the first symbol of a remote write 2.0 request has to be empty");
  }
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() != 5) continue;
    const std::string_view series = reader.bytes();
    if (series_seen_ == 0) expect_like(series, message);
    if (!series_v2(series)) return false;
  }
  return !reader.failed() || fail(kBroken);
}

bool RequestDecoder::metadata_v1(std::string_view content) {
  MetricMetadata metric;
  metric.type = metric_type_word(0);
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) metric.type = metric_type_word(reader.varint());
    if (reader.field() == 2) metric.name = reader.bytes();
    if (reader.field() == 4) metric.help = reader.bytes();
    if (reader.field() == 5) metric.unit = reader.bytes();
  }
  if (reader.failed()) return false;
  add_metadata(std::move(metric));
  return true;
}

// Of the series at hand. The same family comes with each of its series; the first will do.
bool RequestDecoder::metadata_v2(std::string_view content) {
  std::uint64_t type = 0, help = 0, unit = 0;
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) type = reader.varint();
    if (reader.field() == 3) help = reader.varint();
    if (reader.field() == 4) unit = reader.varint();
  }
  if (reader.failed()) return false;
  std::string_view name;
  for (const auto& label : labels_) {
    if (label.name == kNameLabel) name = label.value;
  }
  const std::string_view word = metric_type_word(type);
  if (word == "histogram" || word == "summary") name = without_part_suffix(name);
  const bool says_nothing = type == 0 && symbol(help).empty() && symbol(unit).empty();
  if (says_nothing || !described_.insert(name).second) return true;
  if (symbol(help).size() > limits_.longest_value) help = 0;
  add_metadata({std::string(name), std::string(word), std::string(symbol(help)),
                std::string(symbol(unit).substr(0, limits_.longest_name))});
  return true;
}

// Best effort: what is no metadata of a metric is passed over.
void RequestDecoder::add_metadata(MetricMetadata metric) {
  if (metric.name.size() > limits_.longest_name || !is_metric_name(metric.name)) return;
  if (metric.unit.size() > limits_.longest_name || !is_utf8(metric.unit)) metric.unit.clear();
  if (metric.help.size() > limits_.longest_value || !is_utf8(metric.help)) metric.help.clear();
  if (charge(sizeof metric + metric.help.size() + metric.name.size() + metric.unit.size())) {
    out_.metadata.push_back(std::move(metric));
  }
}

// What was decoded, with the labels that its keys say.
WriteRequest with_labels(WriteColumns columns) {
  WriteRequest request;
  request.metadata = std::move(columns.metadata);
  request.refused_series = columns.refused_series;
  request.refused_samples = columns.refused_samples;
  request.why = std::move(columns.why);
  request.exemplars = columns.exemplars;
  request.histograms = columns.histograms;
  const KeyedSamples& samples = columns.samples;
  for (const KeyedSamples::Series& one : samples.series) {
    auto labels = samples.labels(one.key);
    if (!labels) {
      if (request.refused_series++ == 0) request.why = labels.error().text;
      request.refused_samples += one.count;
    } else if (one.count > 0) {
      const auto times = std::span(samples.times_ms).subspan(one.first, one.count);
      const auto values = std::span(samples.values).subspan(one.first, one.count);
      request.samples += one.count;
      request.series.push_back(
          {*std::move(labels), {times.begin(), times.end()}, {values.begin(), values.end()}});
    }
  }
  return request;
}

}  // namespace

Result<WriteColumns> decode_write_columns(WriteVersion version, std::string_view message,
                                          const WriteLimits& limits) {
  if (message.size() > limits.most_bytes) {
    return Error{"the remote write message is larger than " + std::to_string(limits.most_bytes) +
                 " bytes"};
  }
  RequestDecoder decoder(limits);
  const bool usable =
      version == WriteVersion::v2 ? decoder.decode_v2(message) : decoder.decode_v1(message);
  if (!usable) return Error{decoder.problem()};
  return decoder.take();
}

Result<WriteRequest> decode_write_request(WriteVersion version, std::string_view message,
                                          const WriteLimits& limits) {
  auto columns = decode_write_columns(version, message, limits);
  if (!columns) return columns.error();
  return with_labels(*std::move(columns));
}

}  // namespace volta
