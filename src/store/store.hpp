// The store as a whole: one data directory, one database, one writing thread.
//
// A batch is acknowledged (its `done` called with `committed`) after the COMMIT that holds it and
// its run's high-water mark, with synchronous=FULL: kill -9 and power cuts lose nothing that was
// acknowledged and store nothing twice.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/exposition.hpp"
#include "model/forward_log.hpp"
#include "model/host_list.hpp"
#include "model/sample_sink.hpp"
#include "model/store.hpp"
#include "model/time_series.hpp"
#include "store/check.hpp"
#include "store/data_directory.hpp"
#include "store/disk_space.hpp"
#include "store/stats.hpp"
#include "store/store_error.hpp"

namespace volta {

struct StoreOptions {
  std::filesystem::path directory;
  std::chrono::milliseconds raw_age = std::chrono::hours(24 * 14);      // 0: for ever
  std::chrono::milliseconds minute_age = std::chrono::hours(24 * 180);  // of the tiers, the same
  std::chrono::milliseconds hour_age = std::chrono::hours(24 * 365 * 5);
  std::chrono::milliseconds seal_grace = std::chrono::minutes(1);  // for late samples of an hour
  bool seal_in_background = true;  // false: only seal_due() and seal_all() seal
  // Of an hour that is being sealed: gathered in memory, and written in one transaction.
  std::size_t seal_slice_samples = 1U << 20U;
  std::size_t seal_slice_bytes = 1U << 20U;
  std::int64_t size_bytes = 2'000'000'000;  // whole directory; 0: no cap
  // Of the disk, where that is what size_bytes came from: it rises when the disk does. 0: it stays.
  unsigned size_percent = 0;
  std::size_t head_bytes = 24U << 20U;  // a server of many hosts wants more; as much for
                                        // foreign samples, where there are any
  std::chrono::milliseconds head_span = std::chrono::hours(1);
  std::size_t queue_bytes = 64U << 20U;
  std::int64_t wal_bytes = 16 << 20;  // checkpoint when the WAL is longer; with few hosts, earlier
  int writer_cache_kib = 8192;
  int reader_cache_kib = 2048;
  std::size_t readers = 3;
  // New series beyond these are refused. Of foreign ones there is one limit for all.
  std::size_t series_of_host = 100'000;
  std::size_t foreign_series = 1'000'000;
  // Who reads the log of commits, by the name of its cursor: for these, what they have not read is
  // kept beyond sealing, though no longer than samples are kept and at most a tenth of size_bytes
  // or 1 GiB. Cursors of others stay, but hold nothing. Not set, by who does not know: all that
  // have saved a cursor.
  std::optional<std::vector<std::string>> forward_readers;
  DiskSpaceOf disk_space = volta::disk_space;
};

// Whether there is a store in the directory. Opens nothing, makes nothing. Throws StoreError where
// only its WAL is there.
bool holds_store(const std::filesystem::path& directory);

// Open as long as it lives. All interfaces are thread-safe; none may be used after close().
class Store final : public SelfMetrics {
 public:
  // Throws StoreError (see its kinds). `clock` must outlive the store.
  Store(const StoreOptions& options, const Clock& clock);
  ~Store() override;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] HostDirectory& hosts();
  [[nodiscard]] HostList& host_list();  // the same hosts
  [[nodiscard]] Journal& journal();
  [[nodiscard]] SeriesIndex& series();
  [[nodiscard]] RangeReader& reader();
  [[nodiscard]] SeriesSource& source();
  [[nodiscard]] SampleSink& sink();
  [[nodiscard]] ForwardLog& forward_log();
  void append_to(std::vector<MetricFamily>& families) const override;

  // Canonical path of the data directory.
  [[nodiscard]] const std::filesystem::path& directory() const;
  // What a second process is told about us (lock_holder), usually the URL.
  void announce(const std::string& text) const;
  // False while a disk that is full, nearly full or failing makes append() refuse; it mends itself.
  [[nodiscard]] bool writable() const;
  // Retention and a checkpoint now, not when they are due; waits for them.
  void maintain();
  // Seals the hours that are over, not when it is their turn; waits. Throws Failure.
  void seal_due();
  // Seals every window as it is, the open ones too, empties the WAL and gives free pages back to
  // the disk. Throws Failure.
  void seal_all();
  // Ends of the sealed windows of samples at or before this, rising; and lets go of the samples of
  // one, in slices. Its windows of minutes and hours stay. For archives: nothing may seal
  // meanwhile.
  [[nodiscard]] std::vector<std::int64_t> sealed_windows(std::int64_t last_end_ms) const;
  void drop_sealed_samples(std::int64_t window_end_ms);
  // Gives free pages back to the disk and empties the WAL; waits.
  void shrink();
  // Packs that could not be read since the store was opened.
  [[nodiscard]] std::size_t broken_packs() const;
  // These look at what is committed, while everything goes on: read_stats, back_up_store,
  // check_store.
  [[nodiscard]] StoreStats stats(std::size_t most) const;
  Result<void> back_up(const std::filesystem::path& file) const;
  [[nodiscard]] StoreCheck check() const;
  // Commits what is queued and empties the WAL. append() refuses from now on. Also done by the
  // destructor.
  void close();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace volta
