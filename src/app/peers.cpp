#include "app/peers.hpp"

#include "app/commands.hpp"
#include "prom/text_files.hpp"

namespace volta {

Peers::Peers(PeerOptions options, SampleSink& sink, const Clock& clock)
    : client_(std::string("volta/") + kVersion, options.rules) {
  if (!options.scrapes()) return;
  pool_ = std::make_unique<ScrapePool>(std::move(options.jobs), client_, sink, clock);
  if (!options.text_folder.empty()) {
    const Labels labels = {{"host", options.host}, {"job", "textfile"}};
    pool_->add(std::make_unique<TextFiles>(options.text_folder, labels, sink, clock), "textfile",
               options.text_interval);
  }
}

void Peers::start() {
  if (pool_) pool_->start();
}

void Peers::stop() {
  if (pool_) pool_->stop();
}

void Peers::append_to(std::vector<MetricFamily>& families) const {
  if (pool_) pool_->append_to(families);
}

}  // namespace volta
