#include "http/http_counters.hpp"

#include <string>

#include "model/metric_ids.hpp"

namespace volta {

void HttpCounters::count_request(int status) {
  if (status >= 100 && status < 600) ++by_status_.at(static_cast<std::size_t>(status - 100));
}

void HttpCounters::append_to(std::vector<MetricFamily>& families) const {
  MetricFamily requests = family(metrics::http_requests_total);
  for (std::size_t i = 0; i < by_status_.size(); ++i) {
    const std::uint64_t count = by_status_.at(i);
    if (count == 0) continue;
    requests.samples.push_back({{{"code", std::to_string(i + 100)}}, static_cast<double>(count)});
  }
  static constexpr std::array<const char*, 4> kKinds = {"http", "admin", "websocket", "sse"};
  MetricFamily clients = family(metrics::http_clients);
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    clients.samples.push_back({{{"kind", kKinds.at(i)}}, static_cast<double>(clients_.at(i))});
  }
  MetricFamily dropped = family(metrics::stream_dropped_messages_total);
  dropped.samples.push_back({{}, static_cast<double>(dropped_)});
  families.push_back(std::move(requests));
  families.push_back(std::move(clients));
  families.push_back(std::move(dropped));
}

}  // namespace volta
