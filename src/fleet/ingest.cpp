#include "fleet/ingest.hpp"

#include <span>

#include "base/error.hpp"
#include "base/log.hpp"
#include "fleet/facts.hpp"
#include "fleet/run_feed.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestVersion = 64;

std::string hello_problem(const Hello& hello) {
  if (hello.run == RunId{}) return "the run id is empty";
  if (hello.host_name.size() > kLongestName) return "the host name is longer than 253 bytes";
  if (hello.agent_version.size() > kLongestVersion ||
      hello.agent_version.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~_") !=
          std::string::npos) {
    return "the agent's version is not a version";
  }
  return facts_problem(hello.facts_json);
}

void add(std::vector<MetricFamily>& families, MetricId id, std::string_view label,
         std::initializer_list<std::pair<std::string_view, const std::atomic<std::uint64_t>*>>
             counters) {
  MetricFamily out = family(id);
  for (const auto& [value, counter] : counters) {
    Labels labels;
    if (!label.empty()) labels.emplace_back(label, value);
    out.samples.push_back({std::move(labels), static_cast<double>(counter->load())});
  }
  families.push_back(std::move(out));
}

}  // namespace

Ingest::Ingest(HostDirectory& directory, Journal& journal, LinkTable& links, const Clock& clock,
               std::vector<BatchListener*> listeners, IngestOptions options,
               const SeriesIndex* stored)
    : directory_(directory),
      journal_(journal),
      links_(links),
      clock_(clock),
      listeners_(std::move(listeners)),
      options_(options),
      stored_(stored),
      limits_(options_, clock_, directory_) {}

std::variant<OpenedSession, Refusal> Ingest::open(const Hello& hello, const std::string& peer,
                                                  std::shared_ptr<AgentControl> control) {
  try {
    return admit(hello, peer, std::move(control));
  } catch (const Failure& failure) {
    log::error("an agent could not be let in", {{"peer", peer}, {"error", failure.what()}});
    Refusal refusal = refuse(RefusalReason::too_busy,
                             "the server's store does not answer; try again later", peer);
    refusal.retry_after = RunFeed::kStorePause;
    return refusal;
  }
}

std::variant<OpenedSession, Refusal> Ingest::admit(const Hello& hello, const std::string& peer,
                                                   std::shared_ptr<AgentControl> control) {
  const std::string problem = hello_problem(hello);
  if (!problem.empty()) return refuse(RefusalReason::bad_hello, problem, peer);
  const Sha256 token_hash = sha256(std::as_bytes(std::span(hello.token)));
  const auto find = [&] { return directory_.find_by_token(token_hash); };
  const std::string no_host =
      "no host has this token; `volta host add NAME` on the server makes a new host, `volta host "
      "rotate NAME` a new token for an old one";
  std::optional<HostRecord> host = find();
  if (!host) return refuse(RefusalReason::wrong_token, no_host, peer);
  const std::string disabled = "the host " + host->name + " is disabled; `volta host enable " +
                               host->name + "` on the server lets it in again";
  if (host->disabled) return refuse(RefusalReason::disabled_host, disabled, peer);

  const auto link = links_.open(host->id, hello.run, peer, std::move(control));
  // From here on, a token that is revoked closes the link. Before, it could not.
  host = find();
  if (!host || host->disabled) {
    links_.gone(link);
    return host ? refuse(RefusalReason::disabled_host, disabled, peer)
                : refuse(RefusalReason::wrong_token, no_host, peer);
  }
  OpenedSession opened;
  try {
    auto session = std::make_unique<HostSession>(
        std::make_shared<ConnectedAgent>(
            SessionParts{directory_, journal_, links_, clock_, listeners_, *counters_,
                         [this](HostId id, const RunId& run) { return feed(id, run); },
                         options_.of_group},
            *host, HelloFacts{hello.agent_version, hello.facts_json, hello.clock_ms}, peer, link,
            limits(host->id)),
        hello.run, false);
    opened.welcome = {host->uid, session->durable_seq(), clock_.wall_ms()};
    opened.session = std::move(session);
  } catch (const Failure&) {
    links_.gone(link);
    throw;
  }
  log::info("agent connected",
            {{"host", host->name}, {"peer", peer}, {"version", hello.agent_version}});
  return opened;
}

Refusal Ingest::refuse(RefusalReason reason, const std::string& text, const std::string& peer) {
  switch (reason) {
    case RefusalReason::wrong_token:
      ++counters_->wrong_token;
      break;
    case RefusalReason::disabled_host:
      ++counters_->disabled_host;
      break;
    case RefusalReason::bad_hello:
      ++counters_->bad_hello;
      break;
    default:
      ++counters_->too_busy;
      break;
  }
  log::warning("agent refused", {{"peer", peer}, {"reason", text}});
  return {reason, text, {}};
}

std::shared_ptr<RunFeed> Ingest::feed(HostId host, const RunId& run) {
  const std::lock_guard lock(mutex_);
  if (feeds_.size() >= sweep_feeds_at_) {
    std::erase_if(feeds_, [](const auto& item) { return item.second.expired(); });
    sweep_feeds_at_ = 2 * feeds_.size() + 64;
  }
  std::weak_ptr<RunFeed>& kept = feeds_[{host, run}];
  std::shared_ptr<RunFeed> feed = kept.lock();
  if (!feed) {
    const auto count = [counters = counters_](RunFeed::Outcome outcome, RunFeed::Points points) {
      if (outcome == RunFeed::Outcome::committed) {
        ++counters->accepted;
        counters->samples += points.kept;
        counters->left_out_samples += points.left_out;
      } else {
        ++counters->put_off;
      }
    };
    feed = std::make_shared<RunFeed>(journal_, host, run, count);
    kept = feed;
  }
  return feed;
}

std::shared_ptr<HostLimits> Ingest::limits(HostId host) {
  // Before any series of the session is named, so nothing can be missed here.
  std::vector<SeriesRecord> stored;
  if (stored_ != nullptr) stored = stored_->find(host, "*");
  const std::lock_guard lock(mutex_);
  return limits_.of(host, stored_ == nullptr ? nullptr : &stored);
}

void Ingest::append_to(std::vector<MetricFamily>& families) const {
  const IngestCounters& c = *counters_;
  add(families, metrics::server_samples_total, "", {{"", &c.samples}});
  add(families, metrics::server_left_out_series_total, "", {{"", &c.left_out_series}});
  add(families, metrics::server_left_out_samples_total, "", {{"", &c.left_out_samples}});
  add(families, metrics::server_batches_total, "outcome",
      {{"accepted", &c.accepted},
       {"duplicate", &c.duplicate},
       {"refused", &c.refused},
       {"put_off", &c.put_off},
       {"conflict", &c.conflict}});
  add(families, metrics::server_missing_batches_total, "", {{"", &c.missing}});
  add(families, metrics::server_future_batches_total, "", {{"", &c.future}});
  add(families, metrics::server_refusals_total, "reason",
      {{"wrong_token", &c.wrong_token},
       {"disabled_host", &c.disabled_host},
       {"bad_hello", &c.bad_hello},
       {"too_busy", &c.too_busy}});
}

}  // namespace volta
