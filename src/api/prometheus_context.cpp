#include "api/prometheus_context.hpp"

#include <algorithm>
#include <memory>

#include "api/freed_memory.hpp"
#include "api/prometheus_reply.hpp"
#include "api/routes.hpp"
#include "model/regex_budget.hpp"

namespace volta {
namespace {

// Longer than this nobody waits for his turn: Grafana and people ask again.
constexpr std::chrono::milliseconds kMostPatience{10'000};
// What takes much memory takes longer than this, and beside it a look at the memory costs nothing.
constexpr std::chrono::milliseconds kLongWork{200};
constexpr std::size_t kMostKeptBytes = 128U << 20U;

}  // namespace

Reply in_turn(PrometheusContext& context, std::chrono::milliseconds patience,
              const std::function<Reply(std::chrono::milliseconds)>& work) {
  static constexpr const char* kLate = "query timed out in query queue";
  if (patience.count() <= 0) return decline(503, "timeout", kLate);
  const auto began = context.api.clock.boottime();
  const auto place = context.queries.enter(std::min(patience, kMostPatience));
  if (const auto* refusal = std::get_if<QueryGate::Refusal>(&place)) {
    if (*refusal == QueryGate::Refusal::late) return come_again("timeout", kLate);
    return come_again(
        "unavailable",
        "too many queries at once: " + std::to_string(context.queries.most_running()) +
            " are running and more are waiting; ask again in a moment");
  }
  const auto waited =
      std::chrono::duration_cast<std::chrono::milliseconds>(context.api.clock.boottime() - began);
  if (waited >= patience) return come_again("timeout", kLate);
  Reply reply = work(patience - waited);
  if (context.api.clock.boottime() - began - waited >= kLongWork) {
    give_back_freed_memory(kMostKeptBytes);
  }
  return reply;
}

Reply in_turn(PrometheusContext& context, const HttpRequest& request,
              const std::function<Reply(const Deadline&)>& work) {
  return in_turn(context, context.parts.limits.timeout,
                 [&](std::chrono::milliseconds left) -> Reply {
                   const Deadline deadline(context, request, left);
                   try {
                     return work(deadline);
                   } catch (const QueryFailed& failed) {
                     if (deadline.is_over()) return deadline.refusal();
                     return query_refusal(failed.failure());
                   }
                 });
}

const std::atomic<bool>* cancel_of(const PrometheusContext& context, const HttpRequest& request) {
  return request.cancelled != nullptr ? request.cancelled : &context.cancel;
}

Deadline::Deadline(const PrometheusContext& context, const HttpRequest& request,
                   std::chrono::milliseconds left)
    : context_(context),
      cancel_(*cancel_of(context, request)),
      until_(context.api.clock.boottime() + left),
      bounded_(context.parts.source->bounded(left, &cancel_)) {}

Declined Deadline::refusal() const {
  if (cancel_) {
    return decline(503, "canceled", "volta is shutting down, or nobody waits for the answer");
  }
  return decline(503, "timeout",
                 "the request took longer than it may; ask for a shorter time or fewer series");
}

void add_question(Router& router, std::string_view pattern, Asked how,
                  const std::function<Reply(const Call&, PrometheusParameters&)>& handler) {
  const auto read = [handler](const Call& call) -> Reply {
    auto given = PrometheusParameters::of(call.request);
    if (auto* declined = std::get_if<Declined>(&given)) return std::move(*declined);
    return handler(call, std::get<PrometheusParameters>(given));
  };
  router.add({"GET", pattern, Action::read, {}, read, true});
  if (how == Asked::by_get) return;
  router.add({"POST", pattern, Action::read, {}, read, true});
}

std::variant<std::vector<Matchers>, Declined> selectors(const PrometheusContext& context,
                                                        const PrometheusParameters& given,
                                                        bool name_parameter) {
  std::vector<Matchers> found;
  RegexBudget regexes;
  const auto refuse = [&](const Error& error) {
    return decline(400, "bad_data",
                   (name_parameter ? "invalid parameter \"match[]\": " : "") + error.text);
  };
  for (const std::string_view text : given.all("match[]")) {
    auto selector = context.parts.engine->selector(text);
    if (!selector) return refuse(selector.error());
    // Each text is bounded by itself; many of them together are here.
    for (const LabelMatcher& matcher : *selector) {
      if (matcher.op() != MatchOp::regex && matcher.op() != MatchOp::not_regex) continue;
      if (const auto taken = regexes.take(matcher.value()); !taken) return refuse(taken.error());
    }
    found.push_back(*std::move(selector));
  }
  return found;
}

Declined not_here(std::string_view what) {
  return decline(503, "unavailable", "this volta has no " + std::string(what));
}

void add_prometheus_routes(Router& router, PrometheusContext& context) {
  router.write_refusals("/prometheus/", &prometheus_refusal);
  add_prometheus_query_routes(router, context);
  add_prometheus_series_routes(router, context);
  add_prometheus_remote_routes(router, context);
  add_prometheus_status_routes(router, context);
}

}  // namespace volta
