// The files of a spool, whole and damaged.
#include "uplink/spool.hpp"

#include <csignal>

#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "uplink/spool_fixture.hpp"

namespace volta {
namespace {

using test::SpoolFixture;

// What a start makes of one segment with these bytes.
SpoolContent scan_one(std::span<const std::byte> bytes) {
  SpoolScan scan;
  scan.segment(1, bytes);
  return scan.take();
}

// All batches of the spool that its segments say they have.
std::vector<EncodedBatch> read_back(SpoolFixture& f, const SpoolContent& content) {
  std::vector<EncodedBatch> out;
  for (const SpoolSegment& segment : content.segments) {
    for (std::uint64_t n = segment.numbers.after + 1; n <= segment.numbers.last; ++n) {
      const auto batch = f.spool->read(n);
      REQUIRE(batch);
      out.push_back(*batch);
    }
  }
  return out;
}

TEST_CASE("batches, runs and what is gone are found again by the next start") {
  SpoolFixture f;
  f.spool->note_run({{1}, 0, UINT64_MAX});
  f.add(5);
  f.spool->note_gone({0, 2});
  f.layout = test::some_series(6);  // a device appeared
  f.add(2);
  f.spool->note_run({{2}, 6, UINT64_MAX});
  f.spool->note_host("uid");
  f.spool->sync();
  const SpoolContent content = f.start();
  CHECK(read_back(f, content) == f.made);
  CHECK(content.series == f.layout);
  CHECK(content.runs == std::vector<SpoolRun>{{{1}, 0, 6}, {{2}, 6, UINT64_MAX}});
  CHECK(content.gone.spans() == std::vector<NumberSpan>{{0, 2}});
  CHECK(content.keyframes == std::vector<std::uint64_t>{1, 6});  // the layout grew
  CHECK(content.host_id == "uid");
  CHECK(content.newest == 7);
  CHECK(content.damaged_bytes == 0);
  struct stat status {};
  REQUIRE(::stat(f.folder().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("a segment says all that its batches need, whichever others are there") {
  SpoolFixture f(1);  // the smallest segments
  f.spool->note_run({{1}, 0, UINT64_MAX});
  f.layout = test::some_series(300);
  while (f.spool->bytes() < 400'000) f.add(1);
  const SpoolContent all = f.start();
  REQUIRE(all.segments.size() > 3);
  CHECK(read_back(f, all) == f.made);
  const std::uint64_t from = all.segments[1].numbers.last;
  f.spool->remove_oldest();
  f.spool->remove_oldest();
  const SpoolContent content = f.start();
  CHECK(content.series == f.layout);
  CHECK(content.runs == std::vector<SpoolRun>{{{1}, 0, UINT64_MAX}});
  const auto back = read_back(f, content);
  REQUIRE(back.size() == f.made.size() - from);
  CHECK(back == std::vector<EncodedBatch>(f.made.begin() + static_cast<std::ptrdiff_t>(from),
                                          f.made.end()));
  for (const EncodedBatch& batch : back) {
    if (batch.key_seq == batch.seq) continue;
    f.spool->read(batch.seq);
    const auto key = f.spool->read_keyframe(batch.key_seq);
    REQUIRE(key);
    CHECK(*key == f.made[batch.key_seq - 1]);
  }
}

TEST_CASE("a segment that is cut at any byte gives what stands whole before the cut") {
  SpoolFixture f;
  f.spool->note_run({{1}, 0, UINT64_MAX});
  f.add(4);
  f.spool->note_gone({0, 1});
  f.add(2);
  const Bytes bytes = test::file_bytes(f.folder() / "00000001.seg");
  std::uint64_t last = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const SpoolContent content = scan_one(std::span(bytes).first(size));
    const std::uint64_t now = content.segments.empty() ? 0 : content.segments[0].numbers.last;
    CHECK(now >= last);
    CHECK(now - last <= 1);
    last = now;
    if (now > 0) CHECK(content.series == f.layout);
    CHECK((now > 0 || content.useless.size() == 1));
  }
  CHECK(last == 6);
}

TEST_CASE("a flipped bit anywhere costs what is behind it and invents nothing") {
  SpoolFixture f;
  f.spool->note_run({{1}, 0, UINT64_MAX});
  f.add(6);
  const auto path = f.folder() / "00000001.seg";
  const Bytes bytes = test::file_bytes(path);
  // Where the records end, so that it is known what a bit may cost.
  std::vector<std::size_t> batch_ends;
  std::size_t at = kSpoolHeadBytes;
  while (const auto record = first_spool_record(std::span(bytes).subspan(at))) {
    at += record->size;
    if (record->kind == static_cast<std::uint8_t>(SpoolKind::batch)) batch_ends.push_back(at);
  }
  REQUIRE(batch_ends.size() == 6);
  REQUIRE(at == bytes.size());
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    Bytes damaged = bytes;
    damaged[byte] ^= std::byte{1} << static_cast<unsigned>(byte % 8);
    test::write_bytes(path, damaged);
    const SpoolContent content = f.start();
    const auto before = static_cast<std::uint64_t>(
        std::count_if(batch_ends.begin(), batch_ends.end(), [&](auto end) { return end <= byte; }));
    const auto back = read_back(f, content);
    CHECK(back == std::vector<EncodedBatch>(f.made.begin(),
                                            f.made.begin() + static_cast<std::ptrdiff_t>(before)));
    CHECK(content.damaged_files == 1);
    test::write_bytes(path, bytes);
  }
}

TEST_CASE("numbers that nobody wrote are in no segment") {
  SpoolFixture f;
  f.add(2);
  f.made.push_back(f.made.back());
  f.made.back().seq = 6;  // three were dropped because the disk was full
  f.encoder.force_keyframe();
  f.add(2);
  f.made.erase(f.made.begin() + 2);
  const SpoolContent content = f.start();
  CHECK(content.segments.size() == 2);
  CHECK(read_back(f, content) == f.made);
  CHECK(f.made.back().seq == 8);
}

TEST_CASE("damage found while running is no batch") {
  SpoolFixture f;
  f.add(3);
  Bytes bytes = test::file_bytes(f.folder() / "00000001.seg");
  bytes.back() ^= std::byte{1};
  test::write_bytes(f.folder() / "00000001.seg", bytes);
  CHECK(*f.spool->read(2) == f.made[1]);
  CHECK_FALSE(f.spool->read(3));
  CHECK_FALSE(f.spool->read(4));
}

TEST_CASE("ticks that were not finished become a batch, others are passed over") {
  SpoolFixture f;
  f.add(2);
  TickWriter writer;
  const auto tick = [&](std::uint64_t number, std::int64_t wall_ms, std::uint64_t value) {
    Bytes bytes;
    writer.put(bytes, number, 3, wall_ms, std::vector<Reading>{{0, value}, {2, value + 1}});
    f.spool->append_tick(number, 3, bytes);
  };
  tick(2, 100, 1);
  tick(3, 200, 5);
  tick(3, 300, 6);
  f.spool->sync();
  const Bytes bytes = test::file_bytes(f.folder() / "open.seg");
  const SpoolContent content = f.start();
  CHECK(content.newest == 3);
  REQUIRE(content.unfinished.size() == 1);
  CHECK(content.unfinished[0].seq == 3);
  const auto decoded = decode_batch(content.unfinished[0], {});
  REQUIRE(decoded);
  CHECK(decoded->times_ms == std::vector<std::int64_t>{200, 300});
  CHECK(decoded->values[decoded->at(0, 1)] == 6);
  CHECK(decoded->present[decoded->at(1, 0)] == 0);
  // Cut at any byte, it gives the ticks before the cut.
  std::size_t most = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    test::write_bytes(f.folder() / "open.seg", std::span(bytes).first(size));
    const SpoolContent cut = f.start();
    const std::size_t ticks =
        cut.unfinished.empty() ? 0 : decode_batch(cut.unfinished[0], {})->ticks();
    CHECK(ticks >= most);
    most = ticks;
  }
  CHECK(most == 2);
}

TEST_CASE("the file of ticks does not grow for ever, and never lacks one") {
  SpoolFixture f;
  f.layout = test::some_series(200);
  TickWriter writer;
  std::vector<Reading> readings;
  std::uint64_t number = 1;
  for (int second = 0; second < 400; ++second) {
    readings.clear();
    for (Slot slot = 0; slot < 200; ++slot) {
      readings.push_back({slot, static_cast<std::uint64_t>(second) * 100'000});
    }
    Bytes bytes;
    writer.put(bytes, number, 200, second, readings);
    f.spool->append_tick(number, 200, bytes);
    if (second % 5 == 4) f.spool->sync();
    if (second % 10 == 9) {
      f.add(1);
      ++number;
    }
    if (second % 10 == 7) {
      SpoolScan scan;
      scan.segment(1, test::file_bytes(f.folder() / "00000001.seg"));
      scan.open_file(test::file_bytes(f.folder() / "open.seg"));
      const SpoolContent content = scan.take();
      REQUIRE(content.unfinished.size() == 1);
      CHECK(decode_batch(content.unfinished[0], {})->ticks() == 8);
    }
  }
  CHECK(std::filesystem::file_size(f.folder() / "open.seg") < 100'000);
}

TEST_CASE("a spool has one owner") {
  SpoolFixture f;
  Spool other(f.folder(), 1U << 20U, {});
  CHECK_THROWS_AS(other.open(), SystemFailure);
  f.spool.reset();
  other.open();
}

TEST_CASE("a later start continues behind a torn end in a segment of its own") {
  SpoolFixture f;
  f.add(3);
  const auto path = f.folder() / "00000001.seg";
  Bytes bytes = test::file_bytes(path);
  bytes.erase(bytes.end() - 3, bytes.end());
  test::write_bytes(path, bytes);
  f.made.pop_back();
  f.start();
  f.encoder.force_keyframe();
  f.add(2);
  const SpoolContent content = f.start();
  CHECK(content.segments.size() == 2);
  CHECK(read_back(f, content) == f.made);
  CHECK(content.newest == 4);
}

// Files may not become longer than this, as on a full disk.
class LargestFile {
 public:
  explicit LargestFile(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  LargestFile(const LargestFile&) = delete;
  LargestFile& operator=(const LargestFile&) = delete;
  ~LargestFile() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_{};
  void (*old_)(int) = nullptr;
};

TEST_CASE("a write that fails at any byte harms nothing that was written") {
  for (rlim_t room = 0; room < 700; room += 7) {
    SpoolFixture f;
    std::size_t done = 0;
    {
      const LargestFile full(room);
      try {
        f.spool->note_run({{1}, 0, UINT64_MAX});
        for (; done < 20; ++done) f.add(1);
      } catch (const SystemFailure&) {  // as it must be
      }
    }
    REQUIRE(done < 20);
    // The batch that failed comes again.
    f.made.resize(done);
    f.encoder.force_keyframe();
    f.add(3);
    const SpoolContent content = f.start();
    CHECK(read_back(f, content) == f.made);
    CHECK(content.damaged_bytes == 0);
    CHECK(content.runs == std::vector<SpoolRun>{{{1}, 0, UINT64_MAX}});
  }
}

TEST_CASE("files that are none of a spool's are left out, and do not stop a start") {
  SpoolFixture f;
  f.add(2);
  f.spool.reset();
  f.dir.write("agent/spool/00000002.seg", "");
  f.dir.write("agent/spool/00000003.seg", "something else");
  f.dir.write("agent/spool/note", "x");
  std::filesystem::create_directory(f.folder() / "00000004.seg");
  f.dir.write("agent/spool/open.seg", std::string(5000, '\0'));
  std::filesystem::create_symlink("/dev/zero", f.folder() / "00000005.seg");
  const SpoolContent content = f.start();
  CHECK(read_back(f, content) == f.made);
  CHECK(content.damaged_bytes == 5014);
  f.add(1);
  CHECK(read_back(f, f.start()).size() == 3);
}

}  // namespace
}  // namespace volta
