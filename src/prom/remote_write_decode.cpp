#include <unordered_set>

#include "model/sample_order.hpp"
#include "prom/label_rules.hpp"
#include "prom/metric_type.hpp"
#include "prom/protobuf.hpp"
#include "prom/remote_write.hpp"

namespace volta {
namespace {

// One request. Views point into the message.
class RequestDecoder {
 public:
  RequestDecoder(const WriteLimits& limits, LabelCache* cache)
      : limits_(&limits),
        label_limits_{limits.most_labels, limits.longest_name, limits.longest_value},
        cache_(cache) {}

  // Both answer "" or what is wrong with the whole.
  std::string decode_v1(std::string_view message);
  std::string decode_v2(std::string_view message);
  WriteRequest take() { return std::move(request_); }

 private:
  std::string series_v1(std::string_view content);
  std::string series_v2(std::string_view content);
  bool read_label(std::string_view content);
  bool read_sample(std::string_view content);  // false: see problem()
  bool read_symbols(std::string_view message, bool& any_series);
  // False: a reference points outside.
  bool resolve_refs();
  void begin_series();
  // What is wrong with the whole when reading stopped.
  [[nodiscard]] std::string problem() const;
  // `key`: the labels' bytes for the cache; "" if there are none that say it all.
  std::string end_series(std::string_view key);
  std::shared_ptr<const Labels> labels_for(std::string_view key);
  void refuse(std::string why);
  bool charge(std::size_t bytes);
  bool metadata_v1(std::string_view content);
  bool metadata_v2(std::string_view content);
  void add_metadata(MetricMetadata metric);
  std::string_view symbol(std::uint64_t ref) const {
    return ref < symbols_.size() ? symbols_[ref] : std::string_view();
  }

  const WriteLimits* limits_;
  LabelLimits label_limits_;
  LabelCache* cache_;
  LabelCache::Place place_;
  WriteRequest request_;
  std::size_t series_seen_ = 0, samples_seen_ = 0;
  std::size_t label_bytes_ = 0;
  // Of the series at hand.
  LabeledSamples current_;
  std::vector<LabelView> labels_;
  std::vector<std::uint64_t> refs_;
  std::string key_;
  // 2.0
  std::vector<std::string_view> symbols_;
  std::unordered_set<std::string_view> described_;
};

constexpr const char* kBroken = "the remote write message is not valid protobuf";

std::string RequestDecoder::problem() const {
  if (samples_seen_ > limits_->most_samples) {
    return "more than " + std::to_string(limits_->most_samples) + " samples in one request";
  }
  return kBroken;
}

void RequestDecoder::begin_series() {
  ++series_seen_;
  current_ = {};
  labels_.clear();
  refs_.clear();
}

bool RequestDecoder::read_label(std::string_view content) {
  LabelView label;
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) label.name = reader.bytes();
    if (reader.field() == 2) label.value = reader.bytes();
  }
  // One more than allowed is enough to be refused.
  if (labels_.size() <= limits_->most_labels) labels_.push_back(label);
  return !reader.failed();
}

bool RequestDecoder::read_sample(std::string_view content) {
  if (++samples_seen_ > limits_->most_samples) return false;
  double value = 0;
  std::int64_t time_ms = 0;
  ProtoReader reader(content);
  while (reader.next()) {
    if (reader.field() == 1) value = reader.real();
    if (reader.field() == 2) time_ms = reader.int64();
  }
  current_.times_ms.push_back(time_ms);
  current_.values.push_back(value);
  return !reader.failed();
}

void RequestDecoder::refuse(std::string why) {
  if (request_.refused_series++ == 0) request_.why = std::move(why);
  request_.refused_samples += current_.times_ms.size();
}

bool RequestDecoder::charge(std::size_t bytes) {
  label_bytes_ += bytes;
  return label_bytes_ <= limits_->most_label_bytes;
}

std::shared_ptr<const Labels> RequestDecoder::labels_for(std::string_view key) {
  const bool cached = cache_ != nullptr && !key.empty();
  if (cached) {
    if (auto known = cache_->find(key, place_)) return known;
  }
  if (auto problem = labels_problem(labels_, label_limits_); !problem.empty()) {
    refuse(std::move(problem));
    return nullptr;
  }
  auto labels = to_labels(labels_);
  charge(labels_bytes(*labels));  // those of the cache are there already
  if (cached) cache_->put(key, labels, place_);
  return labels;
}

std::string RequestDecoder::end_series(std::string_view key) {
  if (series_seen_ > limits_->most_series) {
    return "more than " + std::to_string(limits_->most_series) + " series in one request";
  }
  current_.labels = labels_for(key);
  if (current_.labels == nullptr || current_.times_ms.empty()) return "";
  if (label_bytes_ > limits_->most_label_bytes) return "the labels of one request are too large";
  put_in_order(current_);
  request_.samples += current_.times_ms.size();
  request_.series.push_back(std::move(current_));
  return "";
}

std::string RequestDecoder::series_v1(std::string_view content) {
  begin_series();
  ProtoReader reader(content);
  // The key is the run of label fields as it stands. Labels that come in several runs (no sender
  // does that) have none.
  std::string_view key;
  const char* field_begin = content.data();
  bool one_run = true;
  while (reader.next()) {
    bool whole = true;
    if (reader.field() == 1) {
      whole = read_label(reader.bytes());
      one_run = one_run && (labels_.size() == 1 || key.data() + key.size() == field_begin);
      const char* const begin = labels_.size() == 1 ? field_begin : key.data();
      key = {begin, static_cast<std::size_t>(reader.rest().data() - begin)};
    } else if (reader.field() == 2) {
      whole = read_sample(reader.bytes());
    } else if (reader.field() == 3 || reader.field() == 4) {
      ++(reader.field() == 3 ? request_.exemplars : request_.histograms);
      reader.bytes();
    } else {
      reader.skip();
    }
    if (!whole || reader.failed()) return problem();
    field_begin = reader.rest().data();
  }
  if (reader.failed()) return kBroken;
  return end_series(one_run ? key : std::string_view());
}

std::string RequestDecoder::decode_v1(std::string_view message) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1) {
      if (auto problem = series_v1(reader.bytes()); !problem.empty()) return problem;
    } else if (reader.field() == 3) {
      if (!metadata_v1(reader.bytes())) return kBroken;
    }
  }
  return reader.failed() ? kBroken : "";
}

bool RequestDecoder::read_symbols(std::string_view message, bool& any_series) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == 4) {
      if (symbols_.size() == limits_->most_symbols) return false;
      symbols_.push_back(reader.bytes());
    }
    any_series = any_series || reader.field() == 5;
  }
  return true;
}

bool RequestDecoder::resolve_refs() {
  if (refs_.size() % 2 != 0) return false;
  key_.clear();
  bool whole = cache_ != nullptr;
  for (std::size_t i = 0; i < refs_.size(); i += 2) {
    if (refs_[i] >= symbols_.size() || refs_[i + 1] >= symbols_.size()) return false;
    const LabelView label{symbols_[refs_[i]], symbols_[refs_[i + 1]]};
    labels_.push_back(label);
    // As 1.0 would say it, so that both versions meet in the cache.
    const bool fits =
        label.name.size() <= limits_->longest_name && label.value.size() <= limits_->longest_value;
    whole = whole && fits;
    if (!whole) continue;
    put_proto_head(
        key_, 1, proto_bytes_size(1, label.name.size()) + proto_bytes_size(2, label.value.size()));
    put_proto_bytes(key_, 1, label.name);
    put_proto_bytes(key_, 2, label.value);
  }
  if (!whole) key_.clear();  // a part of the labels would be the key of another series
  return true;
}

std::string RequestDecoder::series_v2(std::string_view content) {
  begin_series();
  std::string_view metadata;
  ProtoReader reader(content);
  while (reader.next()) {
    bool whole = true;
    if (reader.field() == 1 && reader.type() == WireType::varint) {
      refs_.push_back(reader.varint());
    } else if (reader.field() == 1) {
      PackedVarints refs(reader.bytes());
      for (std::uint64_t ref = 0;
           refs_.size() <= 2 * (limits_->most_labels + 1) && refs.next(ref);) {
        refs_.push_back(ref);
      }
      whole = !refs.failed();
    } else if (reader.field() == 2) {
      whole = read_sample(reader.bytes());
    } else if (reader.field() == 3 || reader.field() == 4) {
      ++(reader.field() == 4 ? request_.exemplars : request_.histograms);
      reader.bytes();
    } else if (reader.field() == 5) {
      metadata = reader.bytes();
    }
    if (!whole) return problem();
  }
  if (reader.failed()) return kBroken;
  if (refs_.size() > 2 * limits_->most_labels) {
    refuse("a series has more than " + std::to_string(limits_->most_labels) + " labels");
    return "";
  }
  if (!resolve_refs()) {
    refuse("a series' label references do not point into the symbols");
    return "";
  }
  if (!metadata.empty() && !metadata_v2(metadata)) return kBroken;
  return end_series(key_);
}

std::string RequestDecoder::decode_v2(std::string_view message) {
  bool any_series = false;
  if (!read_symbols(message, any_series)) {
    return "more than " + std::to_string(limits_->most_symbols) + " symbols in one request";
  }
  if (symbols_.empty() ? any_series : !symbols_.front().empty()) {
    return "the first symbol of a remote write 2.0 request has to be empty";
  }
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() != 5) continue;
    if (auto problem = series_v2(reader.bytes()); !problem.empty()) return problem;
  }
  return reader.failed() ? kBroken : "";
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
  if (symbol(help).size() > limits_->longest_value) help = 0;
  add_metadata({std::string(name), std::string(word), std::string(symbol(help)),
                std::string(symbol(unit).substr(0, limits_->longest_name))});
  return true;
}

// Best effort: what is no metadata of a metric is passed over.
void RequestDecoder::add_metadata(MetricMetadata metric) {
  if (metric.name.size() > limits_->longest_name || !is_metric_name(metric.name)) return;
  if (metric.unit.size() > limits_->longest_name || !is_utf8(metric.unit)) metric.unit.clear();
  if (metric.help.size() > limits_->longest_value || !is_utf8(metric.help)) metric.help.clear();
  if (charge(sizeof metric + metric.help.size() + metric.name.size() + metric.unit.size())) {
    request_.metadata.push_back(std::move(metric));
  }
}

}  // namespace

Result<WriteRequest> decode_write_request(WriteVersion version, std::string_view message,
                                          const WriteLimits& limits, LabelCache* cache) {
  if (message.size() > limits.most_bytes) {
    return Error{"the remote write message is larger than " + std::to_string(limits.most_bytes) +
                 " bytes"};
  }
  RequestDecoder decoder(limits, cache);
  auto problem =
      version == WriteVersion::v2 ? decoder.decode_v2(message) : decoder.decode_v1(message);
  if (!problem.empty()) return Error{std::move(problem)};
  return decoder.take();
}

}  // namespace volta
