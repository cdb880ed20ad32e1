// What makes a server one of several in front of one engine: the hosts of a file that all of them
// read, and what the engine knows of hosts that send to the others. Nothing else is shared, so a
// server may die, come back or be added at any time.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "app/settings.hpp"
#include "app/steady_work.hpp"
#include "base/clock.hpp"
#include "fleet/hosts.hpp"
#include "fleet/shared_hosts.hpp"
#include "fleet/sightings.hpp"
#include "model/query_engine.hpp"
#include "store/store.hpp"

namespace volta {

// hosts.file; empty: this server shares its hosts with nobody. Throws StartFailure: with volta's
// own engine there is only one server.
std::filesystem::path shared_hosts_file(const Settings& settings);
// The file whose hosts a data directory has had since its server last started; empty: its own.
std::optional<std::string> followed_hosts_file(const std::filesystem::path& data);
// Its hosts are its own from now on.
void follow_no_hosts_file(const std::filesystem::path& data);

class Group {
 public:
  // Takes over the hosts of the file. All references must live longer. Throws StartFailure: the
  // file cannot be used, or the directory has hosts of its own that would be lost.
  Group(const std::filesystem::path& hosts_file, Store& store, LinkTable& links,
        const QueryEngine& engine, const Clock& clock);
  ~Group() { stop(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  [[nodiscard]] SharedFleet fleet() const { return {file_.string(), &sightings_}; }
  [[nodiscard]] const SelfMetrics& self() const { return shared_; }
  // Follows the file and asks the engine from now on.
  void start();
  // Before the engine and the store end. Again: nothing.
  void stop();

 private:
  void keep_own_hosts(Store& store) const;

  const std::filesystem::path file_;
  SharedHosts shared_;
  Sightings sightings_;
  std::unique_ptr<SteadyWork> following_;
  std::unique_ptr<SteadyWork> looking_;
};

}  // namespace volta
