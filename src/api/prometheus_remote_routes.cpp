// Remote write and remote read: other Prometheus' samples in, volta's out.
//
// A write is answered once all of it is committed. What cannot be kept (broken labels, too many
// series) is refused with 400 after the rest is written, so that the sender drops the request and
// does not send it for ever; only "not now" asks it to come again.
#include <algorithm>

#include "api/prometheus_context.hpp"
#include "api/prometheus_reply.hpp"

namespace volta {
namespace {

// Longer than this no sender should hold a worker.
constexpr std::chrono::milliseconds kWritePatience{10'000};

RemoteBodyHeaders headers_of(const HttpRequest& request) {
  return {request.header("content-type"), request.header("content-encoding"),
          request.header("x-prometheus-remote-write-version")};
}

Declined format_refusal(const FormatRefusal& refusal) {
  switch (refusal.kind) {
    case FormatRefusal::Kind::unsupported_type:
      return decline(415, "bad_data", refusal.text);
    case FormatRefusal::Kind::too_large:
      return decline(413, "bad_data", refusal.text);
    case FormatRefusal::Kind::malformed:
      break;
  }
  return decline(400, "bad_data", refusal.text);
}

using Headers = std::vector<std::pair<std::string, std::string>>;

Headers written_headers(std::size_t samples) {
  return {{"X-Prometheus-Remote-Write-Samples-Written", std::to_string(samples)},
          {"X-Prometheus-Remote-Write-Histograms-Written", "0"},
          {"X-Prometheus-Remote-Write-Exemplars-Written", "0"}};
}

Declined with_headers(Declined declined, const Headers& headers) {
  declined.headers.insert(declined.headers.end(), headers.begin(), headers.end());
  return declined;
}

std::string refused_text(const RemoteWriteBatch& batch, const WriteOutcome& outcome) {
  const std::size_t samples = batch.refused + outcome.refused;
  const std::size_t empty = batch.refused_empty + outcome.refused_empty;
  return std::to_string(samples > 0 ? samples : empty) +
         (samples > 0 ? " samples were refused, " : " series without samples were refused, ") +
         std::to_string(outcome.written) + (samples > 0 ? "" : " samples") +
         " were written: " + (batch.why.empty() ? outcome.why : batch.why);
}

Reply store_batch(SampleSink& sink, const RemoteWriteBatch& batch) {
  WriteOutcome outcome;
  if (!batch.samples.series.empty()) outcome = sink.write_keyed(batch.samples);
  const bool in_part =
      batch.refused + batch.refused_empty + outcome.refused + outcome.refused_empty > 0;
  // A sender of 2.0 takes an answer without these for that of a server that only knows 1.0; of a
  // request that is refused in part, anybody may want to know.
  const Headers headers = batch.version_2 || in_part ? written_headers(outcome.written) : Headers{};
  if (outcome.state == WriteState::busy) {
    return with_headers(
        come_again("unavailable", outcome.why.empty()
                                      ? "the store takes nothing at the moment; try again"
                                      : outcome.why),
        headers);
  }
  if (outcome.state == WriteState::failed) {
    return with_headers(
        decline(500, "internal", outcome.why.empty() ? "the store failed" : outcome.why), headers);
  }
  if (!batch.metadata.empty()) sink.describe(batch.metadata);
  if (in_part) {
    return with_headers(decline(400, "bad_data", refused_text(batch, outcome)), headers);
  }
  HttpResponse response;
  response.status = 204;
  response.headers = headers;
  return response;
}

Reply remote_write(PrometheusContext& context, const Call& call) {
  const PrometheusParts& parts = context.parts;
  if (parts.sink == nullptr || parts.formats == nullptr) return not_here("remote write receiver");
  // Also where nothing of the request is read.
  const Headers nothing_written =
      parts.formats->announces_write_2(headers_of(call.request)) ? written_headers(0) : Headers{};
  // Before anything is uncompressed: that is where the memory goes.
  const auto place = context.writes.enter(kWritePatience);
  if (std::holds_alternative<QueryGate::Refusal>(place)) {
    return with_headers(come_again("unavailable", "too many remote writes at once; try again"),
                        nothing_written);
  }
  const auto decoded = parts.formats->decode_write(headers_of(call.request), call.request.body);
  if (const auto* refusal = std::get_if<FormatRefusal>(&decoded)) {
    return with_headers(format_refusal(*refusal), nothing_written);
  }
  return store_batch(*parts.sink, std::get<RemoteWriteBatch>(decoded));
}

// Reads until the samples weigh more than a query may.
class ReadBudget {
 public:
  explicit ReadBudget(const QueryLimits& limits)
      : samples_left_(limits.most_samples), bytes_left_(limits.most_bytes) {}
  // Of one series.
  bool take(const Labels& labels, std::size_t samples) {
    std::size_t bytes = samples * kSampleBytes;
    for (const auto& [name, value] : labels) bytes += name.size() + value.size() + kLabelBytes;
    exceeded_ = exceeded_ || samples > samples_left_ || bytes > bytes_left_;
    if (exceeded_) return false;
    samples_left_ -= samples;
    bytes_left_ -= bytes;
    return true;
  }
  [[nodiscard]] bool exceeded() const { return exceeded_; }

 private:
  static constexpr std::size_t kSampleBytes = 64;  // here, as a message, and compressed
  static constexpr std::size_t kLabelBytes = 16;   // lengths and tags of one
  std::size_t samples_left_;
  std::size_t bytes_left_;
  bool exceeded_ = false;
};

std::variant<std::vector<LabeledSamples>, Declined> read_one(const PrometheusContext& context,
                                                             const RemoteReadQuery& query,
                                                             ReadBudget& budget,
                                                             const Deadline& deadline) {
  const TimeSpan span{std::max(query.span.start_ms, kAllTime.start_ms),
                      std::min(query.span.end_ms, kAllTime.end_ms)};
  if (span.end_ms < span.start_ms) return std::vector<LabeledSamples>();
  if (deadline.is_over()) return deadline.refusal();
  const auto found =
      deadline.source().select(query.matchers, span, context.parts.limits.most_series);
  if (!found) return decline(400, "bad_data", found.error().text);
  std::vector<LabeledSamples> rows(found->size());
  deadline.source().read(*found, span, [&](std::size_t i, const SampleSlice& samples) {
    if (samples.times_ms.empty()) return !deadline.is_over();
    if (!budget.take(*(*found)[i].labels, samples.times_ms.size())) return false;
    rows[i] = {(*found)[i].labels,
               {samples.times_ms.begin(), samples.times_ms.end()},
               {samples.values.begin(), samples.values.end()}};
    return !deadline.is_over();
  });
  if (deadline.is_over()) return deadline.refusal();
  if (budget.exceeded()) {
    return decline(400, "bad_data",
                   "the read would be too large an answer; ask for a shorter time or fewer series");
  }
  std::erase_if(rows, [](const LabeledSamples& row) { return row.times_ms.empty(); });
  return rows;
}

Reply remote_read(PrometheusContext& context, const Call& call) {
  const PrometheusParts& parts = context.parts;
  if (parts.source == nullptr || parts.formats == nullptr) return not_here("query engine");
  return in_turn(context, call.request, [&](const Deadline& deadline) -> Reply {
    const auto decoded = parts.formats->decode_read(headers_of(call.request), call.request.body);
    if (const auto* refusal = std::get_if<FormatRefusal>(&decoded)) {
      return format_refusal(*refusal);
    }
    std::vector<std::vector<LabeledSamples>> results;
    ReadBudget budget(parts.limits);
    for (const RemoteReadQuery& query : std::get<std::vector<RemoteReadQuery>>(decoded)) {
      auto rows = read_one(context, query, budget, deadline);
      if (auto* declined = std::get_if<Declined>(&rows)) return std::move(*declined);
      results.push_back(std::get<std::vector<LabeledSamples>>(std::move(rows)));
    }
    HttpResponse response;
    response.content_type = "application/x-protobuf";
    response.headers = {{"Content-Encoding", "snappy"}, {"Cache-Control", "no-store"}};
    response.compressible = false;
    response.body = parts.formats->encode_read(std::move(results));
    return response;
  });
}

}  // namespace

void add_prometheus_remote_routes(Router& router, PrometheusContext& context) {
  router.add({"POST",
              "/prometheus/api/v1/write",
              Action::write,
              {},
              [&](const Call& call) { return remote_write(context, call); },
              true});
  router.add({"POST",
              "/prometheus/api/v1/read",
              Action::read,
              {},
              [&](const Call& call) { return remote_read(context, call); },
              true});
}

}  // namespace volta
