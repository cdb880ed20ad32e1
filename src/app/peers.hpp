// The half of `volta local` and `volta server` that goes to others by itself: exporters are
// scraped, text files read, samples written on to other servers. A role with nothing of it
// configured has no Peers, hence no thread and no memory for them.
#pragma once

#include <memory>
#include <vector>

#include "app/peer_settings.hpp"
#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/forward_log.hpp"
#include "model/sample_sink.hpp"
#include "outbound/curl_client.hpp"
#include "prom/remote_sender.hpp"
#include "prom/scrape_pool.hpp"

namespace volta {

class Peers final : public SelfMetrics {
 public:
  // References must live longer. Whoever is written to for the first time is sent what is committed
  // from now on. Throws Failure where the store fails.
  Peers(PeerOptions options, SampleSink& sink, ForwardLog& log, const Clock& clock);
  ~Peers() override { stop(); }
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  // Null: nothing is scraped.
  [[nodiscard]] const ScrapeTargets* targets() const { return pool_.get(); }

  void start();
  // Breaks off what is on its way, all within about a second. Before the store closes. Again:
  // nothing.
  void stop();

  void append_to(std::vector<MetricFamily>& families) const override;

 private:
  CurlClient client_;
  std::unique_ptr<ScrapePool> pool_;
  std::vector<std::unique_ptr<RemoteSender>> senders_;
};

}  // namespace volta
