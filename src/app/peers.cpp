#include "app/peers.hpp"

#include <thread>

#include "app/commands.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/threads.hpp"
#include "prom/text_files.hpp"

namespace volta {
Peers::Peers(PeerOptions options, SampleSink& sink, ForwardLog& log, const Clock& clock)
    : client_(std::string("volta/") + kVersion, options.rules) {
  for (WriteTarget& target : options.write_targets) {
    senders_.push_back(
        std::make_unique<RemoteSender>(std::move(target), log, client_, clock, random_fraction));
  }
  if (!options.scrapes()) return;
  pool_ = std::make_unique<ScrapePool>(std::move(options.jobs), client_, sink, clock);
  if (!options.text_folder.empty()) {
    Labels labels = {{"job", "textfile"}};
    if (!options.host.empty()) labels.insert(labels.begin(), {"host", options.host});
    pool_->add(std::make_unique<TextFiles>(options.text_folder, std::move(labels), sink, clock),
               "textfile", options.text_interval);
  }
}

void Peers::start() {
  for (const auto& sender : senders_) sender->start();
  if (pool_) pool_->start();
}

void Peers::stop() {
  if (pool_) pool_->stop();
  // Each may wait for a request that is slow to end, so all do it at once.
  std::vector<std::thread> stopping;
  stopping.reserve(senders_.size());
  for (const auto& sender : senders_) {
    try {
      stopping.push_back(start_thread("stop remote write", [&sender] { sender->stop(); }));
    } catch (const SystemFailure&) {
      sender->stop();  // without a thread to spare, one after the other
    }
  }
  for (std::thread& thread : stopping) thread.join();
}

void Peers::append_to(std::vector<MetricFamily>& families) const {
  if (pool_) pool_->append_to(families);
  for (const auto& sender : senders_) sender->append_to(families);
}

}  // namespace volta
