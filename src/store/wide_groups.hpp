// Which hours a group of the journal has ticks in. Its span tells, unless it reaches over more than
// two hours: one tick with a wrong time makes it span years. Then its rows are read, and what they
// say is kept until more are added.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "store/sqlite.hpp"

namespace volta {

// Thread-safe.
class WideGroups {
 public:
  struct Group {
    std::int64_t id = 0;
    std::int64_t last_row = 0;  // journal.id; 0: it has none
    std::int64_t min_ms = 0;
    std::int64_t max_ms = 0;
  };
  // Ends of the hours, rising. Throws SqliteFailure.
  std::vector<std::int64_t> hours(Connection& connection, const Group& group);

 private:
  struct Known {
    std::int64_t last_row = 0;
    std::vector<std::int64_t> ends;
  };
  std::mutex mutex_;
  std::map<std::int64_t, Known> known_;  // by id; a few hundred at most
};

}  // namespace volta
