#include "uplink/sender.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kLogEvery{60};
constexpr std::chrono::seconds kNewRunEvery{60};
constexpr milliseconds kLeastPause{10};
constexpr milliseconds kLongestPause{600'000};
constexpr milliseconds kBacklogRefused{5'000};

// What the person at this machine can do, beside what the server says.
std::string next_step(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::wrong_token:
      return "put the token that the server printed for this host into the token file; the agent "
             "reads it anew at each attempt, the next within a minute";
    case RefusalReason::disabled_host:
      return "enable the host on the server, or stop this agent";
    case RefusalReason::wrong_version:
      return "install the same version of volta here and on the server";
    case RefusalReason::plaintext:
      return "give the agent the server's --pin (volta server --show-pin prints it), or allow "
             "plaintext on both ends with --insecure-plaintext";
    case RefusalReason::distrusted:
      return "give the agent the --pin that volta server --show-pin prints there now, or the "
             "--ca-file of who signed the server's certificate; if the server's key has not "
             "changed, somebody is in between";
    case RefusalReason::bad_hello:
      return "install the same version of volta here and on the server; if it is the same, report "
             "this as a bug";
    case RefusalReason::too_busy:
    case RefusalReason::unreachable:
      break;
  }
  return "";
}

}  // namespace

Chance kernel_chance() {
  return {random_fraction, [] {
            RunId run{};
            random_bytes(run);
            return run;
          }};
}

Sender::Sender(AgentLink& link, Outbox& outbox, BatchWishes& wishes, const Clock& clock,
               AgentIdentity identity, Chance chance)
    : link_(link),
      outbox_(outbox),
      wishes_(wishes),
      clock_(clock),
      identity_(std::move(identity)),
      chance_(std::move(chance)),
      now_(chance_.new_run(), outbox, outbox.newest()) {
  outbox_.note_run(now_.numbers());
}

void Sender::restore(const std::vector<SpoolRun>& runs, const std::string& host_id) {
  host_id_ = host_id;
  host_restored_ = !host_id.empty();
  const std::uint64_t end = now_.numbers().base;
  std::uint64_t covered = 0;
  for (const SpoolRun& run : runs) {
    if (run.base > covered) name_and_restore({{}, covered, std::min(run.base, end)});
    restore_run({run.id, run.base, std::min(run.last, end)});
    covered = run.last;
  }
  if (end > covered) name_and_restore({{}, covered, end});
}

void Sender::name_and_restore(SpoolRun run) {
  run.id = chance_.new_run();
  if (run.last <= run.base || outbox_.count(run.base, run.last) == 0) return;
  outbox_.note_run(run);
  restore_run(run);
}

void Sender::restore_run(const SpoolRun& run) {
  if (run.last <= run.base) return;
  RunOutput left = RunOutput::restored(run, outbox_);
  if (left.pending() == 0) return;
  old_.push_back(std::move(left));
}

milliseconds Sender::step(milliseconds patience) {
  report_drops();
  try {
    if (!connected_) {
      const Time left = retry_at_ - clock_.boottime();
      if (left.count() > 0) return ceil<milliseconds>(left);
      connect();
    } else {
      send();
      drain();
      if (const auto event = link_.wait(patience_within(patience))) {
        heard_at_ = clock_.boottime();
        hear(*event);
      } else if (waiting() && clock_.boottime() - heard_at_ >= kSilence) {
        lose("the server has not answered for a minute");
      }
    }
  } catch (const std::exception& failure) {
    lose(failure.what());
  }
  return connected_ ? milliseconds(0)
                    : std::max(milliseconds(0), ceil<milliseconds>(retry_at_ - clock_.boottime()));
}

void Sender::close() {
  connected_ = false;
  drain_ = Drain::closed;
  now_.link_ended();
  if (!old_.empty()) old_.front().link_ended();
  link_.close();
}

// A new run counts only once the server has let it in: until then nothing of it was sent, and the
// outage goes on.
void Sender::connect() {
  std::optional<RunOutput> fresh;
  if (now_.pending() > kMostBehind) fresh = now_.successor(chance_.new_run());
  const RunOutput& run = fresh ? *fresh : now_;
  Hello hello;
  if (identity_.token) hello.token = identity_.token();
  hello.run = run.run();
  hello.host_name = identity_.host_name;
  hello.agent_version = identity_.agent_version;
  hello.facts_json = identity_.facts_json ? identity_.facts_json() : "{}";
  hello.clock_ms = clock_.wall_ms();
  hello.last_seq = run.last_seq();
  const auto answer = link_.open(hello);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return refused(*refusal);
  const auto& welcome = std::get<Welcome>(answer);
  if (!is_of_this_host(welcome)) {
    link_.close();
    return refused({RefusalReason::wrong_token,
                    "the token is that of another host, whose readings these are not; an agent "
                    "that is to be that host has to be restarted",
                    milliseconds(0)});
  }
  host_id_ = welcome.host_id;
  host_restored_ = false;
  outbox_.note_host(host_id_);
  if (fresh) {
    now_.end_before(*fresh);
    std::erase_if(old_, [](const RunOutput& old) { return old.pending() == 0; });
    if (now_.pending() > 0) old_.push_back(std::move(now_));
    now_ = *std::move(fresh);
    wishes_.keyframe = true;
    outbox_.note_run(now_.numbers());
  }
  welcomed(welcome, hello.last_seq);
}

// An agent that was given the token of another host begins with what it measures; what it has kept
// is the former host's, whose server it does not speak to any more.
bool Sender::is_of_this_host(const Welcome& welcome) {
  if (host_id_.empty() || welcome.host_id == host_id_) return true;
  if (!host_restored_) return false;
  std::uint64_t dropped = 0;
  for (const RunOutput& old : old_)
    dropped += outbox_.drop({old.numbers().base, old.numbers().last});
  old_.clear();
  log::warning("the token is that of another host than before; what was kept of it is dropped",
               {{"batches", dropped}});
  return true;
}

void Sender::refused(const Refusal& refusal) {
  const std::string step = next_step(refusal.reason);
  const std::string complaint = refusal.text + '\n' + step;
  if (complaint != complaint_) {
    complaint_ = complaint;
    if (step.empty()) {
      log::warning("no connection to the server; readings are kept and sent later",
                   {{"reason", refusal.text}});
    } else {
      const bool ours =
          refusal.reason == RefusalReason::plaintext || refusal.reason == RefusalReason::distrusted;
      log::error(ours ? "no link to the server is allowed" : "the server refuses this agent",
                 {{"reason", refusal.text}, {"next_step", step}});
    }
  }
  if (!step.empty()) backoff_.slow();
  retry_at_ = clock_.boottime() + backoff_.next(chance_.uniform(), refusal.retry_after);
}

void Sender::welcomed(const Welcome& welcome, std::uint64_t last_seq) {
  connected_ = true;
  useful_ = false;
  heard_at_ = clock_.boottime();
  complaint_.clear();
  drain_at_ = {};
  named_ = 0;
  if (!now_.begin(welcome.durable_seq, last_seq)) {
    begin_new_run("the server has more of this run than this agent has sent");
    return;
  }
  std::size_t behind = 0;
  for (const RunOutput& old : old_) behind += old.pending();
  log::info("connected to the server", {{"host_id", welcome.host_id}, {"backlog_batches", behind}});
}

// A link must have been of use before the next attempts come quickly again: to be let in is no
// proof of it.
void Sender::lose(const std::string& why) {
  close();
  wishes_.live = false;
  retry_at_ = clock_.boottime() + backoff_.next(chance_.uniform(), {});
  log::warning("the link to the server broke; readings are kept and sent later", {{"reason", why}});
}

void Sender::begin_new_run(const std::string& why) {
  log::warning("beginning a new run", {{"reason", why}});
  now_.renumber(chance_.new_run());
  outbox_.note_run(now_.numbers());
  wishes_.keyframe = true;
  wishes_.live = false;
  close();
  retry_at_ = clock_.boottime() + new_run_pause();
}

// The first time at once; if that happens again and again, with the back-off.
milliseconds Sender::new_run_pause() {
  const Time now = clock_.boottime();
  const bool again = new_run_at_ && now - *new_run_at_ < kNewRunEvery;
  new_run_at_ = now;
  return again ? backoff_.next(chance_.uniform(), {}) : milliseconds(0);
}

void Sender::send() {
  while (now_.unanswered() < kMostOpen) {
    const auto batch = next_of(now_);
    if (!batch) return;
    link_.push(*batch);
  }
}

// The oldest of the old runs: one batch at a time, so that a busy server slows it down.
void Sender::drain() {
  if (drain_ == Drain::asked) return;
  while (!old_.empty() && old_.front().pending() == 0 && old_.front().unanswered() == 0) {
    log::info("what an outage had left is delivered", {{"old_runs_left", old_.size() - 1}});
    old_.pop_front();
    if (std::exchange(drain_, Drain::closed) == Drain::open) link_.close_backlog();
  }
  const Time now = clock_.boottime();
  if (old_.empty() || old_.front().unanswered() > 0 || now < drain_at_) return;
  RunOutput& oldest = old_.front();
  if (drain_ == Drain::closed) {
    if (!waiting()) heard_at_ = now;
    link_.open_backlog(oldest.run(), oldest.last_seq());
    drain_ = Drain::asked;
  } else if (const auto batch = next_of(oldest)) {
    link_.push_backlog(*batch);
    drain_at_ = now + drain_gap_;
  }
}

// Names what the next batch of the run needs, and counts it as on its way.
std::optional<EncodedBatch> Sender::next_of(RunOutput& run) {
  const bool waited = waiting();
  auto batch = run.next(clock_.boottime());
  refused_ += run.take_unreadable();
  if (!batch) return batch;
  if (batch->slots > named_) {
    const std::vector<SeriesDef> series = outbox_.series(named_);
    link_.define(series);
    named_ += series.size();
  }
  if (!waited) heard_at_ = clock_.boottime();
  return batch;
}

// Whether the server owes an answer.
bool Sender::waiting() const {
  return now_.unanswered() > 0 || drain_ == Drain::asked ||
         (drain_ == Drain::open && old_.front().unanswered() > 0);
}

milliseconds Sender::patience_within(milliseconds most) const {
  const Time now = clock_.boottime();
  const auto until = [&](Time at) { most = std::min(most, ceil<milliseconds>(at - now)); };
  if (waiting()) until(heard_at_ + kSilence);
  if (now_.unanswered() == 0 && now_.pause_until() > now && now_.pending() > 0) {
    until(now_.pause_until());
  }
  if (drain_ != Drain::asked && !old_.empty() && old_.front().unanswered() == 0) {
    until(std::max(drain_at_, old_.front().pause_until()));
  }
  return std::max(most, milliseconds(0));
}

void Sender::hear(const LinkEvent& event) {
  if (const auto* ack = std::get_if<Acknowledged>(&event)) {
    on_acknowledged(*ack);
  } else if (const auto* live = std::get_if<LiveWanted>(&event)) {
    wishes_.live = live->on;
  } else if (const auto* retry = std::get_if<RetryAfter>(&event)) {
    on_retry_after(*retry);
  } else if (const auto* refusal = std::get_if<BatchRefused>(&event)) {
    on_refused(*refusal);
  } else if (const auto* wanted = std::get_if<NewRunWanted>(&event)) {
    on_new_run_wanted(*wanted);
  } else if (const auto* opened = std::get_if<BacklogOpened>(&event)) {
    on_backlog_opened(opened->durable_seq);
  } else if (const auto* closed = std::get_if<LinkClosed>(&event)) {
    lose(closed->text);
  }
}

RunOutput* Sender::run_of(Lane lane) {
  if (lane == Lane::now) return &now_;
  return drain_ == Drain::open ? &old_.front() : nullptr;
}

void Sender::on_acknowledged(const Acknowledged& ack) {
  RunOutput* run = run_of(ack.lane);
  if (run == nullptr || !run->acknowledged(ack.durable_seq)) return;
  if (!std::exchange(useful_, true)) backoff_.reset();
}

void Sender::on_backlog_opened(std::uint64_t durable_seq) {
  if (drain_ != Drain::asked) return;
  drain_ = Drain::open;
  RunOutput& oldest = old_.front();
  if (!oldest.begin(durable_seq, oldest.last_seq())) {
    renumber_backlog("the server has more of an old run than this agent has sent");
  }
}

void Sender::on_retry_after(const RetryAfter& retry) {
  const bool not_opened = retry.seq == 0 && retry.lane == Lane::backlog;
  milliseconds pause =
      std::clamp(retry.pause, not_opened ? kBacklogRefused : kLeastPause, kLongestPause);
  pause += milliseconds(
      static_cast<milliseconds::rep>(chance_.uniform() * static_cast<double>(pause.count()) / 4));
  const Time until = clock_.boottime() + pause;
  if (retry.seq > 0) {
    if (RunOutput* run = run_of(retry.lane)) {
      run->put_off(retry.seq);
      run->pause(until);
    }
    return;
  }
  // No answer to a push: those that are open are still to be answered.
  drain_at_ = std::max(drain_at_, until);
  if (!not_opened) {
    now_.pause(until);
  } else if (drain_ == Drain::asked) {
    drain_ = Drain::closed;
  }
}

void Sender::on_new_run_wanted(const NewRunWanted& wanted) {
  if (wanted.lane == Lane::now) {
    begin_new_run(wanted.text);
  } else if (drain_ == Drain::open) {
    renumber_backlog(wanted.text);
  }
}

void Sender::renumber_backlog(const std::string& why) {
  log::warning("an old run goes on under a new number", {{"reason", why}});
  old_.front().renumber(chance_.new_run());
  outbox_.note_run(old_.front().numbers());
  link_.close_backlog();
  drain_ = Drain::closed;
  drain_at_ = clock_.boottime() + new_run_pause();
}

void Sender::on_refused(const BatchRefused& refusal) {
  RunOutput* run = run_of(refusal.lane);
  if (run == nullptr) return;
  const auto what = run->refused(refusal.seq, refusal.fault);
  refused_ += run->take_unreadable();
  if (what == RunOutput::Refused::sent_again) {
    if (refusal.lane == Lane::now) wishes_.keyframe = true;
    return;
  }
  ++refused_;
  const Time now = clock_.boottime();
  if (refusal_logged_at_ && now - *refusal_logged_at_ < kLogEvery) return;
  refusal_logged_at_ = now;
  log::warning("the server refuses a batch, which is dropped",
               {{"reason", refusal.text}, {"refused_so_far", refused_.load()}});
}

void Sender::report_drops() {
  const std::uint64_t dropped = outbox_.dropped_in_memory();
  if (dropped == drops_reported_) return;
  const Time now = clock_.boottime();
  if (drops_reported_at_ && now - *drops_reported_at_ < kLogEvery) return;
  log::warning("the buffer is full: the oldest batches are dropped",
               {{"dropped", dropped - drops_reported_}, {"dropped_so_far", dropped}});
  drops_reported_ = dropped;
  drops_reported_at_ = now;
}

}  // namespace volta
