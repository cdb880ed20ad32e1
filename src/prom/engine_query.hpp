// PromQL by another engine: passes expressions through and reads its answers. The implementation of
// QueryEngine beside query/'s own.
#pragma once

#include "model/query_engine.hpp"
#include "prom/engine_client.hpp"

namespace volta {

// Thread-safe. An answer's values are exactly the doubles that the engine's digits say; elements
// that are native histograms are left out, with a warning.
class EngineQuery final : public QueryEngine {
 public:
  // `language` formats expressions and reads selectors, which no data is needed for. Both must live
  // longer.
  EngineQuery(const EngineClient& client, const QueryEngine& language)
      : client_(client), language_(language) {}

  // Of the limits the engine is told of the timeout and of a lookback that is not its default; the
  // others are its own.
  [[nodiscard]] QueryOutcome instant(const InstantQuery& query, const QueryLimits& limits,
                                     const std::atomic<bool>* cancel) const override;
  [[nodiscard]] QueryOutcome range(const RangeQuery& query, const QueryLimits& limits,
                                   const std::atomic<bool>* cancel) const override;
  [[nodiscard]] Result<std::string> format(std::string_view expression) const override {
    return language_.format(expression);
  }
  [[nodiscard]] Result<Matchers> selector(std::string_view text) const override {
    return language_.selector(text);
  }

 private:
  [[nodiscard]] QueryOutcome ask(std::string_view path, EngineClient::Form form,
                                 const QueryLimits& limits, const std::atomic<bool>* cancel) const;

  const EngineClient& client_;
  const QueryEngine& language_;
};

// `data` of a query's answer as a value; an Error where it is not what the API promises.
Result<QueryAnswer> parse_query_data(const boost::json::value& data);

// An object of texts as labels; empty where it is something else.
std::optional<Labels> parse_engine_labels(const boost::json::value& object);

// Seconds with three decimals, as every parameter that is a time has them.
std::string engine_time(std::int64_t time_ms);

}  // namespace volta
