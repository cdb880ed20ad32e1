// volta store stats|check|seal, volta backup, volta restore: on the data directory, whether it is
// served or not. Without an owner the store is opened, which migrates it; beside one it is only
// read.
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>

#include "app/commands.hpp"
#include "app/counted.hpp"
#include "app/hub.hpp"
#include "app/process.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "store/backup.hpp"
#include "store/inspect.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"

namespace volta {
namespace {

constexpr std::size_t kListLength = 20;

// The store of a directory that nobody serves; null: somebody does.
std::unique_ptr<Store> unserved(const std::filesystem::path& directory) {
  if (!holds_store(directory))
    throw StartFailure(Exit::failed, "there is no store in " + directory.string());
  if (lock_holder(directory)) return nullptr;
  return open_store(unattended_store(directory), system_clock());
}

void append_part(JsonWriter& json, const StoreStats::Part& part) {
  json.member("samples", part.samples)
      .member("series", part.series)
      .member("bytes", part.bytes)
      .member("bytes_per_sample", part.bytes_per_sample());
}

void append_counts(JsonWriter& json, std::string_view key,
                   const std::vector<StoreStats::Count>& counts) {
  json.key(key).begin_array();
  for (const auto& [name, count] : counts)
    json.begin_object().member("name", name).member("count", count).end_object();
  json.end_array();
}

std::string stats_json(const StoreStats& stats) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  append_part(json, stats.whole);
  json.key("tiers").begin_object();
  for (const Tier tier : {Tier::raw, Tier::minute, Tier::hour}) {
    const auto found = stats.tiers.find(tier);
    json.key(to_text(tier)).begin_object();
    append_part(json, found == stats.tiers.end() ? StoreStats::Part{} : found->second);
    json.end_object();
  }
  json.end_object();
  append_counts(json, "series_of_metric", stats.series_of_metric);
  append_counts(json, "series_of_host", stats.series_of_host);
  append_counts(json, "values_of_label", stats.values_of_label);
  append_counts(json, "bytes_of_metric", stats.bytes_of_metric);
  json.end_object();
  return out;
}

// Two digits behind the point: the third is that of another hour.
std::string ratio_text(const StoreStats::Part& part) {
  if (part.samples == 0) return "-";
  const auto hundredths = static_cast<std::uint64_t>(std::llround(100 * part.bytes_per_sample()));
  const std::string digits = std::to_string(hundredths + 100);  // at least three of them
  return std::to_string(hundredths / 100) + "." + digits.substr(digits.size() - 2);
}

std::string cell(const std::string& text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

void print_row(std::string name, const std::array<std::string, 4>& cells) {
  name.resize(8, ' ');
  std::cout << name << cell(cells[0], 16) << cell(cells[1], 12) << cell(cells[2], 16)
            << cell(cells[3], 18) << '\n';
}

void print_part(std::string_view name, const StoreStats::Part& part) {
  print_row(std::string(name), {std::to_string(part.samples), std::to_string(part.series),
                                std::to_string(part.bytes), ratio_text(part)});
}

void print_counts(std::string_view title, const std::vector<StoreStats::Count>& counts) {
  if (counts.empty()) return;
  std::cout << '\n' << title << '\n';
  for (const auto& [name, count] : counts) {
    std::cout << "  " << cell(std::to_string(count), 10) << "  "
              << (name.empty() ? "(none)" : printable(name)) << '\n';
  }
}

int show_stats(const StoreStats& stats, bool json) {
  if (json) {
    std::cout << stats_json(stats) << '\n';
    return code(Exit::done);
  }
  print_row("", {"samples", "series", "bytes", "bytes per sample"});
  print_part("whole", stats.whole);
  for (const auto& [tier, part] : stats.tiers) print_part(to_text(tier), part);
  print_counts("Series by metric", stats.series_of_metric);
  print_counts("Series by host", stats.series_of_host);
  print_counts("Different values by label", stats.values_of_label);
  print_counts("Bytes of packs by metric", stats.bytes_of_metric);
  return code(Exit::done);
}

int show_check(const StoreCheck& check, bool json) {
  if (json) {
    std::string out;
    JsonWriter writer(out);
    writer.begin_object().member("sound", check.sound()).member("rows", check.rows);
    writer.member("samples", check.samples).member("packs", check.packs);
    writer.member("packed_samples", check.packed).member("packs_put_aside", check.put_aside);
    writer.key("problems").begin_array();
    for (const std::string& problem : check.problems) writer.value(problem);
    writer.end_array().member("further_problems", check.further).end_object();
    std::cout << out << '\n';
  } else {
    for (const std::string& problem : check.problems) std::cout << printable(problem) << '\n';
    if (check.further > 0) std::cout << "and " << check.further << " more\n";
    if (check.put_aside > 0) {
      std::cout << check.put_aside
                << " broken packs were put aside before; what they had is gone\n";
    }
    std::cout << (check.sound() ? "sound: " : "DAMAGED: ") << check.rows << " rows with "
              << check.samples << " samples and " << check.packs << " packs with " << check.packed
              << " samples read\n";
  }
  return code(check.sound() ? Exit::done : Exit::failed);
}

// 0 of what is not there.
std::uint64_t bytes_of(const std::filesystem::path& file) {
  std::error_code none;
  const auto bytes = std::filesystem::file_size(file, none);
  return none ? 0 : bytes;
}

std::uint64_t store_bytes(const std::filesystem::path& directory) {
  return bytes_of(directory / kDatabaseName) +
         bytes_of(directory / (std::string(kDatabaseName) + "-wal"));
}

int seal(Store* store, const std::filesystem::path& directory, bool json) {
  if (store == nullptr) {
    throw StartFailure(Exit::data_directory,
                       directory.string() +
                           " is served by another volta, which seals by itself; "
                           "stop it to seal everything at once");
  }
  const std::uint64_t before = store_bytes(directory);
  store->seal_all();
  const std::uint64_t after = store_bytes(directory);
  if (json) {
    std::string out;
    JsonWriter(out).begin_object().member("sealed", true).member("bytes", after).end_object();
    std::cout << out << '\n';
  } else {
    std::cout << "sealed: " << counted(after, "byte") << ", " << before << " before\n";
  }
  return code(Exit::done);
}

struct Copied {
  std::string_view member;  // of the JSON object, for `made`
  std::string_view words;   // that stand before `made`
  std::string made;
  std::uint64_t bytes = 0;
};

int show_copied(const Copied& copied, bool json) {
  if (json) {
    std::string out;
    JsonWriter writer(out);
    writer.begin_object().member(copied.member, copied.made).member("bytes", copied.bytes);
    writer.end_object();
    std::cout << out << '\n';
  } else {
    std::cout << copied.words << copied.made << ": " << counted(copied.bytes, "byte") << '\n';
  }
  return code(Exit::done);
}

}  // namespace

int run_store(const StoreCommandOptions& options) {
  const std::filesystem::path directory = options.data;
  const auto store = unserved(directory);
  if (options.action == "seal") return seal(store.get(), directory, options.json);
  if (options.action == "stats")
    return show_stats(store ? store->stats(kListLength) : stats_of_served(directory, kListLength),
                      options.json);
  return show_check(store ? store->check() : check_served(directory), options.json);
}

int run_backup(const BackupOptions& options) {
  const std::filesystem::path directory = options.data;
  const auto store = unserved(directory);
  const auto done = store ? store->back_up(options.file) : back_up_served(directory, options.file);
  if (!done) throw StartFailure(Exit::failed, done.error().text);
  return show_copied({"file", "backed up to ", options.file, bytes_of(options.file)}, options.json);
}

int run_restore(const BackupOptions& options) {
  try {
    const auto done = restore_store(options.file, options.data);
    if (!done) throw StartFailure(Exit::failed, done.error().text);
  } catch (const StoreError& error) {
    throw StartFailure(Exit::data_directory, error.what());
  }
  return show_copied({"data", "restored to ", options.data, store_bytes(options.data)},
                     options.json);
}

}  // namespace volta
