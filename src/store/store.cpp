#include "store/store.hpp"

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "model/metric_ids.hpp"
#include "store/backup.hpp"
#include "store/foreign_sink.hpp"
#include "store/forward_store.hpp"
#include "store/range_reader.hpp"
#include "store/row_hold.hpp"
#include "store/schema.hpp"
#include "store/sealed_samples.hpp"
#include "store/sealer.hpp"
#include "store/series_source.hpp"
#include "store/writer.hpp"

namespace volta {
namespace {

constexpr int kOnlineBackupCacheKib = 2048;
constexpr int kRunCacheKib = 256;
// DESIGN section 2: a server with a large store starts in two seconds.
constexpr std::chrono::milliseconds kRebuildPatience{1200};
constexpr std::chrono::milliseconds kForeignRebuildPatience{300};

std::unique_ptr<Connection> open_writer(const DataDirectory& directory, int cache_kib) {
  refuse_orphaned_wal(directory.path());
  std::error_code error;
  const auto bytes = std::filesystem::file_size(directory.path() / kDatabaseName, error);
  const std::filesystem::path file = directory.touch(kDatabaseName);
  if (!error && bytes == 0)
    log::warning("the store was an empty file; a new one begins", {{"path", file.string()}});
  auto connection =
      std::make_unique<Connection>(file.string(), Connection::Mode::writer, cache_kib);
  migrate(*connection, directory, migrations());
  return connection;
}

// A cap smaller than a few WALs must still leave room for data.
std::int64_t wal_bytes(const StoreOptions& options) {
  if (options.size_bytes <= 0) return options.wal_bytes;
  return std::min(options.wal_bytes, options.size_bytes / 8);
}

RowHold::Limits hold_limits(const StoreOptions& options) {
  RowHold::Limits limits;
  limits.age_ms = options.raw_age.count();
  if (options.size_bytes > 0) limits.bytes = std::min(limits.bytes, options.size_bytes / 10);
  return limits;
}

AgeClock::Ages ages_of(const StoreOptions& options) {
  return {options.raw_age.count(), options.minute_age.count(), options.hour_age.count()};
}

// By the server's clock; 0: the store does not say.
std::int64_t last_written_ms(Connection& connection) {
  try {
    return connection.number("SELECT max(last_ms) FROM run");
  } catch (const SqliteFailure& failure) {
    if (!failure.misfit()) throw;
    return 0;  // a part of the schema is missing, which others say better
  }
}

}  // namespace

bool holds_store(const std::filesystem::path& directory) {
  refuse_orphaned_wal(directory);
  std::error_code none;
  return std::filesystem::exists(directory / kDatabaseName, none);
}

struct Store::Parts {
  Parts(const StoreOptions& options, const Clock& clock)
      : directory(options.directory),
        connection(open_writer(directory, options.writer_cache_kib)),
        readers(file(), options.readers, options.reader_cache_kib),
        foreign_readers(file(), options.readers, options.reader_cache_kib),
        run_reader(file(), 1, kRunCacheKib),
        ages(clock, directory.touch(kAgeClockName), last_written_ms(*connection), ages_of(options)),
        hosts(clock),
        series(clock, {options.series_of_host, options.foreign_series}),
        head({options.head_bytes, options.head_span.count()}),
        foreign_head(options.head_bytes),
        hold(clock, ages, hold_limits(options), options.forward_readers),
        reader({series, head, readers, bad, ages}),
        foreign_reader(foreign_head, foreign_readers, bad, ages),
        source({hosts, series, notes, reader, foreign_reader}) {
    load(clock.wall_ms() - options.head_span.count());
    if (const auto& forwarded = options.forward_readers) {
      StoreForwardLog::set_index(*connection, !forwarded->empty());
    }
    foreign.emplace(*connection, series, foreign_head);
    // What is committed to a file without a name, the journal's included, is gone with the process.
    for (const char* suffix : {"", "-wal"}) directory.watch(kDatabaseName + std::string(suffix));
    const Committer::Parts parts{clock, hosts, series, runs, head, *foreign, notes, hold};
    writer.emplace(Writer::Database{*connection, directory}, parts, run_reader,
                   Retention(*connection, {clock, hosts, series, runs, head, *foreign, ages},
                             {ages_of(options), options.seal_in_background, options.size_bytes,
                              options.size_percent, wal_bytes(options),
                              directory.path() / kDatabaseName, migration_copies(directory)}),
                   DiskWatch(options.disk_space, directory.path()),
                   Writer::Limits{options.queue_bytes, wal_bytes(options)});
    sink.emplace(clock, series, notes, *writer);
    forward.emplace(StoreForwardLog::Parts{hosts, series, clock, hold, *writer},
                    (directory.path() / kDatabaseName).string(), options.reader_cache_kib);
    hosts.set_writer([this](const auto& work) { writer->call(work); });
    sealer.emplace(Sealer::Parts{clock, series, runs, bad, ages, hold, foreign_head}, *writer,
                   std::make_unique<Connection>((directory.path() / kDatabaseName).string(),
                                                Connection::Mode::reader, options.reader_cache_kib),
                   Sealer::Limits{options.seal_grace.count(), options.seal_in_background,
                                  options.seal_slice_samples, options.seal_slice_bytes});
  }

  [[nodiscard]] std::string file() const { return (directory.path() / kDatabaseName).string(); }
  void load(std::int64_t head_from_ms) {
    try {
      hosts.load(*connection);
      series.load(*connection);
      notes.load(*connection);
      hold.load(*connection);
      rebuild_head(*connection, head, head_from_ms, kRebuildPatience);
      rebuild_foreign_head(*connection, foreign_head, hold.newest(), kForeignRebuildPatience);
    } catch (const SqliteFailure& failure) {
      if (!failure.misfit()) throw;
      throw StoreError(StoreError::Kind::damaged,
                       "the store in " + directory.path().string() +
                           " lacks a part of its schema; move it away or restore a backup (" +
                           failure.what() + ")");
    }
  }

  DataDirectory directory;  // the lock: first in, last out
  std::unique_ptr<Connection> connection;
  ReaderPool readers;
  ReaderPool foreign_readers;  // a long look at these does not keep hosts' readers waiting
  ReaderPool run_reader;       // nor what the agents' only thread asks
  AgeClock ages;
  HostTable hosts;
  SeriesTable series;
  RunTable runs;
  MetricNotes notes;
  Head head;
  BadPacks bad;
  ForeignHead foreign_head;
  RowHold hold;
  StoreReader reader;
  ForeignReader foreign_reader;
  StoreSeriesSource source;
  std::optional<ForeignJournal> foreign;
  std::optional<Writer> writer;
  std::optional<Sealer> sealer;  // before the writer goes
  std::optional<ForeignSink> sink;
  std::optional<StoreForwardLog> forward;
};

Store::Store(const StoreOptions& options, const Clock& clock) {
  try {
    parts_ = std::make_unique<Parts>(options, clock);
  } catch (const SqliteFailure& failure) {
    if (!failure.damaged()) {
      throw StoreError(StoreError::Kind::unwritable, "the data directory " +
                                                         options.directory.string() +
                                                         " cannot be used: " + failure.what());
    }
    throw StoreError(StoreError::Kind::damaged,
                     "the store in " + options.directory.string() +
                         " is damaged or not a database; move it away or restore a backup (" +
                         failure.what() + ")");
  }
}

Store::~Store() { close(); }

HostDirectory& Store::hosts() { return parts_->hosts; }
HostList& Store::host_list() { return parts_->hosts; }
Journal& Store::journal() { return *parts_->writer; }
SeriesIndex& Store::series() { return parts_->series; }
RangeReader& Store::reader() { return parts_->reader; }
SeriesSource& Store::source() { return parts_->source; }
SampleSink& Store::sink() { return *parts_->sink; }
ForwardLog& Store::forward_log() { return *parts_->forward; }
const std::filesystem::path& Store::directory() const { return parts_->directory.path(); }
void Store::announce(const std::string& text) const { parts_->directory.announce(text); }
bool Store::writable() const { return !parts_->writer->read_only(); }
void Store::maintain() { parts_->writer->maintain(); }
void Store::seal_due() { parts_->sealer->seal_due(); }
void Store::seal_all() {
  parts_->sealer->seal_all();
  parts_->writer->shrink();
}
std::vector<std::int64_t> Store::sealed_windows(std::int64_t last_end_ms) const {
  Connection source((directory() / kDatabaseName).string(), Connection::Mode::reader,
                    kOnlineBackupCacheKib);
  return sealed_window_ends(source, last_end_ms);
}
void Store::drop_sealed_samples(std::int64_t window_end_ms) {
  for (bool gone = false; !gone;) {
    parts_->writer->call([&](Connection& connection) {
      parts_->ages.note_archived(window_end_ms);
      // What a broken column had is in no archive.
      for (const auto& [id, reason] : parts_->bad.with_columns(window_end_ms)) {
        quarantine(connection, id, reason, parts_->ages.believed_ms());
      }
      gone = drop_sealed_window(connection, window_end_ms);
    });
  }
}
void Store::shrink() { parts_->writer->shrink(); }
std::size_t Store::broken_packs() const { return parts_->bad.packs_met(); }
void Store::close() {
  parts_->sealer->stop();
  parts_->writer->stop();
}
// On connections of their own: these take long, and the readers are few.
StoreStats Store::stats(std::size_t most) const {
  const std::filesystem::path database = directory() / kDatabaseName;
  Connection source(database.string(), Connection::Mode::reader, kOnlineBackupCacheKib);
  return read_stats(source, database, most);
}

Result<void> Store::back_up(const std::filesystem::path& file) const {
  Connection source((directory() / kDatabaseName).string(), Connection::Mode::reader,
                    kOnlineBackupCacheKib);
  return back_up_store(source, file);
}

StoreCheck Store::check() const {
  Connection source((directory() / kDatabaseName).string(), Connection::Mode::reader,
                    kOnlineBackupCacheKib);
  return check_directory(directory(), source);
}

void Store::append_to(std::vector<MetricFamily>& families) const {
  const auto add = [&](MetricId id, std::vector<ExpositionSample> samples) {
    families.push_back(family(id));
    families.back().samples = std::move(samples);
  };
  const std::string file = (directory() / kDatabaseName).string();
  const Writer::Counters& counters = parts_->writer->counters();
  const auto count = [](const auto& value) { return static_cast<double>(value.load()); };
  add(metrics::store_size_bytes,
      {{{{"file", "database"}}, static_cast<double>(file_bytes(file))},
       {{{"file", "wal"}}, static_cast<double>(file_bytes(file + "-wal"))}});
  add(metrics::store_commits_total, {{{{"outcome", "committed"}}, count(counters.committed)},
                                     {{{"outcome", "disk_full"}}, count(counters.disk_full)},
                                     {{{"outcome", "failed"}}, count(counters.failed)}});
  add(metrics::store_commit_seconds_total, {{{}, count(counters.commit_us) / 1e6}});
  add(metrics::store_queue_bytes, {{{}, static_cast<double>(parts_->writer->queued_bytes())}});
  add(metrics::store_series, {{{}, static_cast<double>(parts_->series.size())}});
  add(metrics::store_refused_series_total, {{{}, static_cast<double>(parts_->series.refused())}});
  const SealCounters& seals = parts_->sealer->counters();
  add(metrics::store_seals_total, {{{}, count(seals.windows)}});
  add(metrics::store_seal_seconds_total, {{{}, count(seals.us) / 1e6}});
  add(metrics::store_sealed_bytes_total, {{{}, count(seals.bytes)}});
  add(metrics::store_seal_failures_total, {{{}, count(seals.failures)}});
  add(metrics::store_damaged_rows_total, {{{}, count(seals.damaged_rows)}});
  add(metrics::store_bad_packs_total, {{{}, static_cast<double>(parts_->bad.met())}});
  add(metrics::store_readonly, {{{}, writable() ? 0.0 : 1.0}});
}

}  // namespace volta
