// Reads a spool as a start finds it. Whatever the files hold, this ends with an answer: what is
// valid, and how much was not. Format and the reader's algorithm: FORMAT.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "uplink/number_set.hpp"
#include "uplink/spool_record.hpp"

namespace volta {

struct SpoolSegment {
  std::uint64_t id = 0;     // its name
  std::uint64_t bytes = 0;  // of the file
  NumberSpan numbers;       // of its batches; empty where it has none
};

// What is in a spool.
struct SpoolContent {
  std::vector<SpoolSegment> segments;  // those with batches, numbers rising
  std::vector<SeriesDef> series;
  std::vector<SpoolRun> runs;  // apart from each other, numbers rising
  NumberSet gone;
  std::vector<std::uint64_t> keyframes;  // numbers of batches that are keyframes, rising
  std::string host_id;
  std::uint64_t newest = 0;              // the highest number used, ticks' included
  std::vector<EncodedBatch> unfinished;  // made of the open file's ticks, each a keyframe
  std::uint64_t open_bytes = 0;          // valid bytes of the open file
  std::uint64_t last_id = 0;             // of any segment's name
  std::vector<std::uint64_t> useless;    // segments that hold no batch
  std::uint64_t damaged_bytes = 0;       // behind the first invalid record of each file
  std::uint64_t damaged_files = 0;
};

class SpoolScan {
 public:
  // Segments in the order of their names, each with all its bytes.
  void segment(std::uint64_t id, std::span<const std::byte> bytes);
  // Last, and once.
  void open_file(std::span<const std::byte> bytes);
  // Ends it.
  SpoolContent take();

 private:
  struct Part;
  [[nodiscard]] bool take_record(const FoundRecord& record, Part& part) const;
  [[nodiscard]] bool agrees(const Part& part) const;
  void join(Part& part);
  void count_damage(std::uint64_t bytes);

  SpoolContent content_;
};

// Assigns the run's numbers to it, over what was said of them before.
void assign_run(std::vector<SpoolRun>& runs, const SpoolRun& run);

// Reads all files of the folder. Throws SystemFailure where the folder cannot be read; a file that
// cannot be is damaged.
SpoolContent scan_spool(const std::filesystem::path& folder);

// "00000001.seg"
std::string segment_name(std::uint64_t id);

}  // namespace volta
