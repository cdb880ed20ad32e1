// Something that is read once a period: a target over HTTP, a folder of text files. The pool calls
// it, never two threads at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace volta {

struct ScrapeOutcome {
  bool up = false;
  std::string why;  // "" if all went well; also where it is up and samples were refused
  double duration_s = 0;
  std::size_t samples = 0;  // written
};

class ScrapeSource {
 public:
  virtual ~ScrapeSource() = default;
  // Reads and writes as of `time_ms`. Once `cancel` is true it may give up, writing nothing.
  virtual ScrapeOutcome scrape(std::int64_t time_ms, const std::atomic<bool>& cancel) = 0;
  // It will not be asked again: its series end at `time_ms`.
  virtual void retire(std::int64_t time_ms) = 0;
};

}  // namespace volta
