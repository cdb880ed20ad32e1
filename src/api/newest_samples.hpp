// The newest sample of each series of a host: what this server heard itself, or, of a host that
// sends to another server, what the engine behind both has.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/query_engine.hpp"
#include "model/store.hpp"

namespace volta {

struct NewestSample {
  std::shared_ptr<const SeriesDef> series;  // never null
  LatestSample sample;                      // its series' number is the store's, or none
};

// Of series whose name matches the glob, ordered by name, then labels; so below.
std::vector<NewestSample> newest_heard(const SeriesIndex& index, const RangeReader& reader,
                                       HostId host, std::string_view name_glob);

struct NewestAsked {
  std::string host_name;
  std::string name_glob;
  std::int64_t now_ms = 0;
  const std::atomic<bool>* cancel = nullptr;
};
// Of the last two minutes. Units, kinds and qualities are those that the catalogue and the labels
// tell, since engines keep none.
std::variant<std::vector<NewestSample>, QueryFailure> newest_of_engine(const QueryEngine& engine,
                                                                       const NewestAsked& asked,
                                                                       const QueryLimits& limits);

}  // namespace volta
