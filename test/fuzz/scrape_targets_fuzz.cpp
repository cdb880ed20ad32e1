// Any bytes as a file of scrape targets: what is accepted becomes URLs that say nothing but what
// they should.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "prom/file_sd.hpp"
#include "prom/scrape_job.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A pointer cast, since libFuzzer hands over unsigned bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto groups = volta::parse_target_groups(text);
  if (!groups) {
    VOLTA_ASSERT(!groups.error().text.empty());
    return 0;
  }
  volta::ScrapeJob job;
  job.name = "fuzz";
  std::vector<std::string> complaints;
  for (const volta::ScrapeTarget& target : volta::make_targets(job, groups.value(), complaints)) {
    const std::string_view url = target.url;
    VOLTA_ASSERT(url.starts_with("http://") || url.starts_with("https://"), url);
    for (const char c : url) VOLTA_ASSERT(c > 0x20 && c != 0x7f && c != '#', url);
    const std::string_view host = url.substr(url.find("//") + 2);
    VOLTA_ASSERT(host.substr(0, host.find('/')).find('@') == std::string_view::npos, url);
    VOLTA_ASSERT(!volta::label_value(target.labels, "instance").empty());
    for (std::size_t i = 0; i < target.labels.size(); ++i) {
      VOLTA_ASSERT(!target.labels[i].first.starts_with("__"));
      VOLTA_ASSERT(i == 0 || target.labels[i - 1].first < target.labels[i].first);
    }
  }
  return 0;
}
