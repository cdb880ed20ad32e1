#include "rpc/wire.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "model/names.hpp"

namespace volta::rpc {
namespace {

constexpr std::size_t kDefineWords = 128U << 10U;  // 1 MiB

capnp::Text::Reader text_of(const std::string& text) { return {text.data(), text.size()}; }

std::string_view view_of(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

capnp::Data::Reader data_of(std::span<const std::uint8_t> bytes) {
  return {bytes.data(), bytes.size()};
}

// Words of a text or data field of this length, its ending zero included.
constexpr std::size_t words_for(std::size_t bytes) { return bytes / 8 + 1; }

std::uint32_t to_wire_ms(std::chrono::milliseconds time) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_printable(std::string_view text, std::size_t longest) {
  return text.size() <= longest && is_utf8(text) &&
         std::none_of(text.begin(), text.end(), is_control);
}

// Copies a field of exactly N bytes; false if it has another length.
template <std::size_t N>
bool read_exactly(capnp::Data::Reader in, std::array<std::uint8_t, N>& out) {
  if (in.size() != N) return false;
  std::copy(in.begin(), in.end(), out.begin());
  return true;
}

Result<SeriesDef> read_one_series(wire::SeriesDef::Reader in) {
  SeriesDef series;
  series.name = view_of(in.getName());
  const auto labels = in.getLabels();
  if (labels.size() > 32) return Error{"a series has more than 32 labels"};
  for (const auto label : labels) {
    series.labels.emplace_back(view_of(label.getKey()), view_of(label.getValue()));
  }
  const auto kind = static_cast<unsigned>(in.getKind());
  const auto type = static_cast<unsigned>(in.getType());
  const auto quality = static_cast<unsigned>(in.getQuality());
  if (kind > 1 || type > 2 || quality > 2) {
    return Error{"a series has a kind, type or quality that is unknown here"};
  }
  series.kind = static_cast<Kind>(kind);
  series.type = static_cast<ValueType>(type);
  series.quality = static_cast<Quality>(quality);
  series.scale = in.getScale();
  series.unit = view_of(in.getUnit());
  if (std::string problem = series_problem(series); !problem.empty()) {
    return Error{"a series is not valid: " + problem};
  }
  return series;
}

}  // namespace

// The enums of model/ and schema/ have the same order; refusals differ by `unreachable`, batch
// faults by `none`.
static_assert(static_cast<int>(wire::SeriesDef::Kind::GAUGE) == static_cast<int>(Kind::gauge));
static_assert(static_cast<int>(wire::SeriesDef::ValueType::FLOAT64) ==
              static_cast<int>(ValueType::float64));
static_assert(static_cast<int>(wire::SeriesDef::Quality::ESTIMATED) ==
              static_cast<int>(Quality::estimated));
static_assert(static_cast<int>(wire::Refusal::Reason::BAD_HELLO) ==
              static_cast<int>(RefusalReason::bad_hello));
static_assert(static_cast<int>(wire::Session::Fault::UNKNOWN_KEYFRAME) ==
              static_cast<int>(BatchFault::unknown_keyframe) + 1);

void write_hello(const Hello& hello, wire::Hello::Builder out) {
  out.setToken(data_of(hello.token));
  out.setRun(data_of(hello.run));
  out.setHostName(text_of(hello.host_name));
  out.setAgentVersion(text_of(hello.agent_version));
  out.setClockMs(hello.clock_ms);
  out.setFactsJson(text_of(hello.facts_json));
  out.setLastSeq(hello.last_seq);
}

Result<Hello> read_hello(wire::Hello::Reader in) {
  Hello hello;
  if (!read_exactly(in.getToken(), hello.token)) return Error{"the token is not 32 bytes long"};
  if (!read_exactly(in.getRun(), hello.run)) return Error{"the run id is not 16 bytes long"};
  hello.host_name = view_of(in.getHostName());
  if (!is_printable(hello.host_name, kLongestHostName)) {
    return Error{"the host name is longer than 255 bytes or not plain text"};
  }
  hello.agent_version = view_of(in.getAgentVersion());
  if (!is_printable(hello.agent_version, kLongestVersion)) {
    return Error{"the agent's version is longer than 64 bytes or not plain text"};
  }
  const auto facts = view_of(in.getFactsJson());
  if (facts.size() > kLongestFacts || !is_utf8(facts)) {
    return Error{"the host facts are larger than 64 KiB or not UTF-8"};
  }
  hello.facts_json = facts;
  hello.clock_ms = in.getClockMs();
  hello.last_seq = in.getLastSeq();
  return hello;
}

std::optional<RunId> read_run(capnp::Data::Reader in) {
  RunId run{};
  if (!read_exactly(in, run)) return std::nullopt;
  return run;
}

void write_series(std::span<const SeriesDef> series, SeriesBuilder out) {
  for (unsigned i = 0; i < series.size(); ++i) {
    auto one = out[i];
    one.setName(text_of(series[i].name));
    auto labels = one.initLabels(static_cast<unsigned>(series[i].labels.size()));
    for (unsigned j = 0; j < labels.size(); ++j) {
      labels[j].setKey(text_of(series[i].labels[j].first));
      labels[j].setValue(text_of(series[i].labels[j].second));
    }
    one.setKind(static_cast<wire::SeriesDef::Kind>(series[i].kind));
    one.setType(static_cast<wire::SeriesDef::ValueType>(series[i].type));
    one.setScale(series[i].scale);
    one.setUnit(text_of(series[i].unit));
    one.setQuality(static_cast<wire::SeriesDef::Quality>(series[i].quality));
  }
}

Result<std::vector<SeriesDef>> read_series(SeriesReader in, std::size_t most) {
  if (in.size() > most) return Error{fmt::format("more than {} series", kMostSlots)};
  std::vector<SeriesDef> series;
  for (const auto one : in) {
    auto read = read_one_series(one);
    if (!read) return read.error();
    series.push_back(std::move(*read));
  }
  return series;
}

std::size_t words_of(std::span<const SeriesDef> series) {
  std::size_t words = 2;  // the list's tag and what asks for it
  for (const SeriesDef& one : series) {
    words += 5 + words_for(one.name.size()) + words_for(one.unit.size()) + 1;
    for (const auto& [key, value] : one.labels) {
      words += 2 + words_for(key.size()) + words_for(value.size());
    }
  }
  return words;
}

std::size_t series_for_one_call(std::span<const SeriesDef> series) {
  std::size_t words = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    words += words_of(series.subspan(i, 1));
    if (words > kDefineWords && i > 0) return i;
  }
  return series.size();
}

void write_batch(const EncodedBatch& batch, wire::Session::PushParams::Builder out) {
  out.setSeq(batch.seq);
  out.setKeySeq(batch.key_seq);
  out.setSlots(batch.slots);
  out.setPoints(batch.points);
  out.setFirstMs(batch.first_ms);
  out.setLastMs(batch.last_ms);
  out.setPayload({reinterpret_cast<const kj::byte*>(batch.payload.data()), batch.payload.size()});
}

std::variant<EncodedBatch, BadBatch> read_batch(wire::Session::PushParams::Reader in) {
  const auto payload = in.getPayload();
  EncodedBatch batch{
      in.getSeq(), in.getKeySeq(), in.getSlots(), in.getFirstMs(), in.getLastMs(), in.getPoints(),
      {}};
  if (batch.seq == 0 || batch.key_seq == 0 || batch.key_seq > batch.seq) {
    return BadBatch{BatchFault::malformed, "the batch's sequence numbers make no sense"};
  }
  if (batch.slots > kMostSlots) {
    return BadBatch{BatchFault::too_many_series,
                    fmt::format("the batch knows of more than {} series", kMostSlots)};
  }
  if (batch.points > kMostBatchPoints || payload.size() > kLargestBatchBytes) {
    return BadBatch{BatchFault::too_large,
                    fmt::format("the batch has more than {} values or {} bytes", kMostBatchPoints,
                                kLargestBatchBytes)};
  }
  if (payload.size() == 0) return BadBatch{BatchFault::malformed, "the batch is empty"};
  const auto bytes = std::as_bytes(std::span(payload.begin(), payload.size()));
  batch.payload.assign(bytes.begin(), bytes.end());
  return batch;
}

std::size_t words_of(const EncodedBatch& batch) { return 8 + words_for(batch.payload.size()); }

void write_outcome(const PushOutcome& outcome, wire::Session::PushResults::Builder out) {
  out.setDurableSeq(outcome.durable_seq);
  if (outcome.refused) {
    out.setFault(static_cast<wire::Session::Fault>(static_cast<unsigned>(*outcome.refused) + 1));
  }
  out.setNewRun(outcome.new_run);
  out.setRetryAfterMs(to_wire_ms(outcome.retry_after));
  if (!outcome.text.empty()) out.setText(text_of(outcome.text));
}

std::size_t words_of(const PushOutcome& outcome) { return 4 + words_for(outcome.text.size()); }

LinkEvent read_outcome(std::uint64_t seq, Lane lane, wire::Session::PushResults::Reader in) {
  if (in.getNewRun()) return NewRunWanted{read_sentence(in.getText()), lane};
  if (const auto fault = static_cast<unsigned>(in.getFault()); fault != 0) {
    // A fault that a newer server may name: the batch is refused all the same.
    const bool known = fault <= 4;
    return BatchRefused{seq, known ? static_cast<BatchFault>(fault - 1) : BatchFault::malformed,
                        read_sentence(in.getText()), lane};
  }
  if (in.getRetryAfterMs() > 0) {
    return RetryAfter{std::chrono::milliseconds(in.getRetryAfterMs()), seq, lane};
  }
  return Acknowledged{in.getDurableSeq(), lane};
}

void write_refusal(const Refusal& refusal, wire::Refusal::Builder out) {
  // What follows bad_hello is a link's own affair.
  const auto reason =
      refusal.reason > RefusalReason::bad_hello ? RefusalReason::too_busy : refusal.reason;
  out.setReason(static_cast<wire::Refusal::Reason>(reason));
  out.setText(text_of(refusal.text));
  out.setRetryAfterMs(to_wire_ms(refusal.retry_after));
}

Refusal read_refusal(wire::Refusal::Reader in) {
  const auto reason = static_cast<unsigned>(in.getReason());
  const bool known = reason <= static_cast<unsigned>(RefusalReason::bad_hello);
  return {known ? static_cast<RefusalReason>(reason) : RefusalReason::bad_hello,
          read_sentence(in.getText()), std::chrono::milliseconds(in.getRetryAfterMs())};
}

void write_welcome(const Welcome& welcome, wire::Welcome::Builder out) {
  out.setHostId(text_of(welcome.host_id));
  out.setDurableSeq(welcome.durable_seq);
  out.setClockMs(welcome.clock_ms);
}

Welcome read_welcome(wire::Welcome::Reader in) {
  return {read_sentence(in.getHostId()), in.getDurableSeq(), in.getClockMs()};
}

std::string read_sentence(capnp::Text::Reader in) {
  std::string_view rest = view_of(in);
  std::string out;
  while (!rest.empty()) {
    const std::size_t length = utf8_length(rest);
    if (out.size() + length > kLongestSentence) break;
    if (length == 0 || is_control(rest.front())) {
      out += ' ';
    } else {
      out += rest.substr(0, length);
    }
    rest.remove_prefix(std::max<std::size_t>(length, 1));
    if (out.size() >= kLongestSentence) break;
  }
  return out;
}

}  // namespace volta::rpc
