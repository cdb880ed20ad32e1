#include "prom/remote_sender.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/threads.hpp"
#include "model/metric_ids.hpp"
#include "prom/refused_part.hpp"

namespace volta {
namespace {

constexpr std::array<std::string_view, 7> kWriteHeaders = {"authorization",
                                                           "content-encoding",
                                                           "content-length",
                                                           "content-type",
                                                           "host",
                                                           "user-agent",
                                                           "x-prometheus-remote-write-version"};
constexpr std::size_t kMostErrorBytes = 4U << 10U;  // of an answer's body, which only a log reads
constexpr std::size_t kMostLoggedBytes = 300;
constexpr std::size_t kMostRoutes = 200'000;
constexpr std::size_t kMostSenderShards = 64;
constexpr std::chrono::hours kLongestSendWait{1};
constexpr std::chrono::hours kComplainEvery{1};  // while nothing else happens
constexpr const char* kCredentialsHint =
    " (it wants credentials: username with password_file, or bearer_token_file)";
constexpr const char* kWindowHint =
    " (late samples want its out_of_order_time_window; or do they come from the target itself?)";

// Its text would reach logs and the API.
bool has_user(std::string_view url) {
  const std::size_t host = url.find("://") + 3;
  return url.substr(host, url.find_first_of("/?#", host) - host).find('@') != url.npos;
}

std::string what_was_said(const OutboundResponse& response) {
  return "status " + std::to_string(response.status) + ": " +
         printable(trim(response.body).substr(0, kMostLoggedBytes));
}

}  // namespace

Result<void> check_write_target(const WriteTarget& target) {
  const auto bad = [&](const std::string& what) {
    return Error{"remote write target '" + target.name + "': " + what};
  };
  if (target.name.empty()) return Error{"a remote write target has no name"};
  const bool http = target.url.starts_with("http://") || target.url.starts_with("https://");
  if (!http || target.url.find_first_of(" \t\r\n") != std::string::npos) {
    return bad("the URL begins with http:// or https:// and has no blanks");
  }
  if (has_user(target.url)) {
    return bad("the URL holds a user or a password; they have settings of their own");
  }
  if (target.shards == 0 || target.shards > kMostSenderShards) return bad("shards are 1 to 64");
  if (target.limits.most_samples == 0) return bad("a request holds at least one sample");
  if (target.timeout.count() <= 0 || target.timeout > kLongestSendWait) {
    return bad("the timeout is longer than nothing and at most an hour");
  }
  if (target.limits.deadline.count() < 0 || target.limits.deadline > kLongestSendWait) {
    return bad("the deadline is at most an hour");
  }
  if (const auto ok = check_credentials(target.credentials, kWriteHeaders); !ok) {
    return bad(ok.error().text);
  }
  return {};
}

RemoteSender::RemoteSender(WriteTarget target, ForwardLog& log, HttpClient& client,
                           const Clock& clock, std::function<double()> random)
    : target_(std::move(target)),
      log_(log),
      client_(client),
      clock_(clock),
      random_(std::move(random)) {
  restore();
}

void RemoteSender::restore() {
  saved_ = log_.load(target_.name);
  const ForwardPosition newest = log_.newest();
  SenderState state;
  if (auto kept = parse_sender_state(saved_)) {
    state = std::move(*kept);
  } else if (saved_.empty()) {
    state.shards.assign(target_.shards, {newest, {}});
    state.url = target_.url;
  } else {
    log::error("the cursor of a remote write target cannot be read; all that is kept is sent again",
               {{"target", target_.name}});
  }
  state = fit_sender_state(std::move(state), target_.url, target_.shards);
  version_ = !target_.version_2   ? WriteVersion::v1
             : !target_.version_1 ? WriteVersion::v2
                                  : state.version;
  for (ShardCursor& cursor : state.shards) {
    // A store restored from a backup gives its positions anew.
    cursor.done = std::min(cursor.done, newest);
    if (cursor.until > newest) cursor.until = {};
    shards_.emplace_back(cursor, target_.limits);
  }
  read_ =
      std::min_element(state.shards.begin(), state.shards.end(), [](const auto& a, const auto& b) {
        return a.done < b.done;
      })->done;
  try {
    save();
  } catch (const Failure& failure) {  // the disk is full: tried again before a request leaves
    complain("the cursor of a remote write target could not be kept", failure.what());
  }
}

void RemoteSender::save() {
  SenderState state;
  state.url = target_.url;
  state.version = version_;
  ForwardPosition done = read_;
  for (const SenderShard& shard : shards_) {
    state.shards.push_back(shard.cursor());
    done = std::min(done, shard.cursor().done);
  }
  std::string text = to_text(state);
  saved_at_ = clock_.monotonic();
  dirty_ = false;
  if (text == saved_) return;
  log_.save(target_.name, text, done);
  saved_ = std::move(text);
}

const RemoteSender::Routed& RemoteSender::route(const std::shared_ptr<const Labels>& labels) {
  if (routes_.size() >= kMostRoutes) routes_.clear();
  Routed& routed = routes_[labels.get()];
  if (routed.committed) return routed;
  routed.committed = labels;
  Labels sent = *labels;
  if (!target_.relabel.apply(sent) || label_value(sent, kNameLabel).empty()) return routed;
  routed.shard = shard_of(sent, shards_.size());
  routed.sent = sent == *labels ? labels : std::make_shared<const Labels>(std::move(sent));
  return routed;
}

// What is still there of those rows comes with the next read.
void RemoteSender::notice_losses() {
  const ForwardPosition forgotten = log_.forgotten();
  if (forgotten <= read_ || forgotten <= missed_) return;
  missed_ = forgotten;
  ++counters_.lost;
  log::error(
      "samples were forgotten before a remote write target took them; retention is shorter "
      "than its outage",
      {{"target", target_.name}});
}

void RemoteSender::feed(Time now) {
  const auto full = [&] {
    return std::any_of(shards_.begin(), shards_.end(),
                       [](const SenderShard& shard) { return shard.full(); });
  };
  notice_losses();
  while (!full()) {
    const ForwardPosition newest = log_.newest();
    if (read_ >= newest) break;
    std::vector<ForwardRow> rows = log_.read_after(read_, 2 * target_.limits.most_samples);
    if (rows.empty()) read_ = newest;  // up to there is nothing for anybody
    for (ForwardRow& row : rows) {
      read_ = row.position;
      const Routed& routed = route(row.samples.labels);
      if (!routed.sent) {
        counters_.filtered += row.samples.times_ms.size();
        continue;
      }
      row.samples.labels = routed.sent;
      shards_[routed.shard].offer(std::move(row), now);
    }
  }
  for (SenderShard& shard : shards_) shard.reached(read_);
}

OutboundRequest RemoteSender::outbound(WriteVersion version, std::string body) const {
  OutboundRequest out;
  out.method = "POST";
  out.url = target_.url;
  out.headers = {{"Content-Encoding", "snappy"},
                 {"Content-Type", std::string(write_content_type(version))},
                 {"X-Prometheus-Remote-Write-Version", std::string(write_version_header(version))}};
  target_.credentials.put_into(out);
  out.body = std::move(body);
  out.timeout_ms = static_cast<int>(target_.timeout.count());
  out.most_bytes = kMostErrorBytes;
  out.cut_body = true;
  out.cancel = &stopping_;
  return out;
}

std::chrono::milliseconds RemoteSender::turn(std::size_t index) {
  Lock lock(mutex_);
  SenderShard& shard = shards_.at(index);
  const Time now = clock_.monotonic();
  const auto until = [&](Time at) {
    return std::chrono::ceil<std::chrono::milliseconds>(std::max(at - now, Time(0)));
  };
  if (now < shard.retry_at()) return until(shard.retry_at());
  try {
    feed(now);
    if (shard.request() == nullptr) {
      const auto due = shard.due();
      if (!due || *due > now) {
        if (dirty_ || now >= saved_at_ + kIdleSave) save();
        return due ? std::min(kPoll, until(*due)) : kPoll;
      }
      shard.compose(version_);
    }
    save();  // before a request leaves, the store knows which rows it holds
  } catch (const Failure& failure) {
    complain("the log of committed samples cannot be used", failure.what());
    return SendBackoff::kLast;
  }
  const OutboundRequest request = outbound(shard.request()->version, shard.request()->body);
  lock.unlock();
  OutboundResponse response;
  std::string failed;
  try {
    response = client_.perform(request);
  } catch (const Failure& failure) {
    failed = failure.what();
  }
  lock.lock();
  if (failed.empty()) {
    answered(lock, shard, response);
  } else if (!stopping_) {
    again(shard, failed, {});
  }
  return std::chrono::milliseconds(0);
}

RemoteSender::InParts RemoteSender::send_in_parts(std::span<const LabeledSamples> series,
                                                  WriteVersion version) const {
  InParts out;
  const auto send = [&](std::span<const LabeledSamples> part) {
    OutboundResponse response;
    try {
      response = client_.perform(outbound(version, write_body(version, part)));
    } catch (const Failure& failure) {
      out.later = failure.what();
      return PartFate::later;
    }
    const SendVerdict verdict = judge_write_answer(response, version, true);
    if (verdict == SendVerdict::again) {
      out.later = what_was_said(response);
      out.at_least = retry_after(response, clock_.wall_ms()).value_or(std::chrono::milliseconds(0));
      return PartFate::later;
    }
    if (verdict != SendVerdict::done && !samples_written(response)) return PartFate::refused;
    std::size_t samples = 0;
    for (const LabeledSamples& one : part) samples += one.times_ms.size();
    out.refused += samples - std::min(samples_written(response).value_or(samples), samples);
    return PartFate::taken;
  };
  out.refused += send_divided(series, kMostHalvings, send).refused;
  return out;
}

void RemoteSender::answered(Lock& lock, SenderShard& shard, const OutboundResponse& response) {
  const SenderRequest& request = *shard.request();
  const std::string said = what_was_said(response);
  std::size_t written =
      std::min(samples_written(response).value_or(response.status / 100 == 2 ? request.samples : 0),
               request.samples);
  SendVerdict verdict = judge_write_answer(response, request.version, took_2_);
  const bool not_2 = verdict == SendVerdict::as_version_1 || verdict == SendVerdict::try_version_1;
  if (not_2 && !target_.version_1) {
    verdict = SendVerdict::dropped;
    written = 0;
  }
  switch (verdict) {
    case SendVerdict::again:
      again(shard, said,
            retry_after(response, clock_.wall_ms()).value_or(std::chrono::milliseconds(0)));
      return;
    case SendVerdict::as_version_1:
      only_version_1(said);
      shard.recompose(WriteVersion::v1);
      return;
    case SendVerdict::try_version_1:  // or the samples are at fault, which 1.0 then shows
      shard.recompose(WriteVersion::v1);
      return;
    case SendVerdict::done:
      if (request.version == WriteVersion::v2) {
        took_2_ = true;
      } else if (!took_2_) {
        only_version_1(said);
      }
      if (written < request.samples) complain("a remote write target took only a part", said);
      if (written == request.samples) complaint_.clear();
      break;
    case SendVerdict::dropped:
      if (request.samples > 1 && may_take_parts(response)) {
        const std::vector<LabeledSamples> series = shard.requested();
        lock.unlock();
        const InParts parts = send_in_parts(series, request.version);
        lock.lock();
        if (!parts.later.empty()) {
          if (!stopping_) again(shard, parts.later, parts.at_least);
          return;
        }
        written = request.samples - std::min(parts.refused, request.samples);
      }
      tell_of_refusal(request.samples - written, said, response.status);
      break;
  }
  counters_.sent += written;
  counters_.dropped += request.samples - written;
  shard.finish();
  dirty_ = true;
}

void RemoteSender::only_version_1(const std::string& why) {
  if (version_ == WriteVersion::v1) return;
  log::info("a remote write target does not understand 2.0 and gets 1.0 from now on",
            {{"target", target_.name}, {"answer", why}});
  version_ = WriteVersion::v1;
  dirty_ = true;
}

void RemoteSender::again(SenderShard& shard, const std::string& why,
                         std::chrono::milliseconds at_least) {
  ++counters_.failed_requests;
  shard.put_off(clock_.monotonic(), random_(), at_least);
  complain("a remote write target cannot be reached; what it misses is kept", why);
}

// Not as complain() does, since what is between refusals may all be well.
void RemoteSender::tell_of_refusal(std::size_t samples, const std::string& said, int status) {
  refused_untold_ += samples;
  const auto now = clock_.monotonic();
  if (refusal_told_at_ && now - *refusal_told_at_ < kComplainEvery) return;
  refusal_told_at_ = now;
  const bool late = said.find("out of order") != std::string::npos ||
                    said.find("too old sample") != std::string::npos;
  const char* hint = status == 401 ? kCredentialsHint : late ? kWindowHint : "";
  log::warning(
      "a remote write target refused samples, which are dropped",
      {{"target", target_.name},
       {"samples", static_cast<std::int64_t>(std::exchange(refused_untold_, std::uint64_t{0}))},
       {"why", said + hint}});
}

void RemoteSender::complain(const std::string& what, const std::string& why) {
  const auto now = clock_.monotonic();
  const bool is_news = std::exchange(complaint_, what) != what;
  if (!is_news && now - complained_at_ < kComplainEvery) return;
  complained_at_ = now;
  log::warning(what, {{"target", target_.name}, {"why", why}});
}

void RemoteSender::start() {
  for (std::size_t i = 0; i < target_.shards; ++i) {
    threads_.push_back(start_thread("send by remote write", [this, i] { work(i); }));
  }
}

void RemoteSender::work(std::size_t shard) {
  while (!stopping_) {
    const auto wait = turn(shard);
    Lock lock(mutex_);
    stopped_.wait_for(lock, wait, [&] { return stopping_.load(); });
  }
}

void RemoteSender::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  if (!dirty_) return;
  try {
    save();
  } catch (const Failure& failure) {
    complain("the cursor of a remote write target could not be kept", failure.what());
  }
}

void RemoteSender::append_to(std::vector<MetricFamily>& families) const {
  const std::lock_guard lock(mutex_);
  const auto add = [&](MetricId id, double value, Labels labels = {}) {
    labels.emplace_back("target", target_.name);
    std::sort(labels.begin(), labels.end());
    families.push_back(family(id));
    families.back().samples.push_back({std::move(labels), value});
  };
  std::size_t pending = 0;
  std::int64_t oldest_ms = clock_.wall_ms();
  for (const SenderShard& shard : shards_) {
    pending += shard.pending_samples();
    oldest_ms = std::min(oldest_ms, shard.oldest_ms().value_or(oldest_ms));
  }
  const auto count = [](std::uint64_t value) { return static_cast<double>(value); };
  add(metrics::forward_pending_samples, count(pending));
  add(metrics::forward_samples_total, count(counters_.sent), {{"outcome", "sent"}});
  add(metrics::forward_samples_total, count(counters_.dropped), {{"outcome", "dropped"}});
  add(metrics::forward_samples_total, count(counters_.filtered), {{"outcome", "filtered"}});
  add(metrics::forward_failed_requests_total, count(counters_.failed_requests));
  add(metrics::forward_losses_total, count(counters_.lost));
  add(metrics::forward_lag_seconds, static_cast<double>(clock_.wall_ms() - oldest_ms) / 1000);
}

}  // namespace volta
