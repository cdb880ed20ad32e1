#include "prom/text_files.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "fake_sink.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

struct Folder {
  void put(const std::string& name, const std::string& text, std::int64_t mtime_s = 1'700'000'000) {
    const std::string path = dir.path() / name;
    std::ofstream(path) << text;
    const timespec times[2] = {{mtime_s, 500'000'000}, {mtime_s, 500'000'000}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  }
  ScrapeOutcome scrape(std::int64_t time_ms) { return files.scrape(time_ms, cancel); }
  [[nodiscard]] double error_at(std::int64_t time_ms) const {
    return sink.at(R"({__name__="node_textfile_scrape_error",host="h"})", time_ms).value_or(-1);
  }
  [[nodiscard]] std::optional<double> mtime_at(const std::string& name,
                                               std::int64_t time_ms) const {
    return sink.at("{__name__=\"node_textfile_mtime_seconds\",file=\"" +
                       (dir.path() / name).string() + "\",host=\"h\"}",
                   time_ms);
  }

  test::TempDir dir;
  test::FakeSink sink;
  test::FakeClock clock;
  std::atomic<bool> cancel{false};
  TextFiles files{dir.path(), {{"host", "h"}}, sink, clock};
};

TEST_CASE("*.prom files of a folder become samples of the host") {
  Folder f;
  f.put("a.prom", "# TYPE x gauge\nx{q=\"1\"} 2\nx{host=\"own\"} 3\n");
  f.put("b.prom", "");
  f.put("note.txt", "y 1\n");
  f.put(".c.prom.tmp", "y 1\n");
  CHECK(f.scrape(1'000).up);
  CHECK(f.sink.at(R"({__name__="x",host="h",q="1"})", 1'000) == 2.0);
  CHECK(f.sink.at(R"({__name__="x",host="own"})", 1'000) == 3.0);
  CHECK(f.mtime_at("a.prom", 1'000) == 1'700'000'000.5);
  CHECK(f.mtime_at("b.prom", 1'000) == 1'700'000'000.5);
  CHECK(f.error_at(1'000) == 0);
  CHECK(f.sink.series().size() == 5);
  CHECK(f.sink.described.at("x") == "gauge");
}

TEST_CASE("a file is taken whole or not at all") {
  for (const char* text : {"x 1\nx{ 2\n", "x 1\nz 2", "x 1\nz 2 1700000000000\n", "x one\n"}) {
    INFO(text);
    Folder f;
    f.put("bad.prom", text);
    f.put("good.prom", "y 1\n");
    const ScrapeOutcome outcome = f.scrape(1'000);
    CHECK_FALSE(outcome.up);
    CHECK(outcome.why.find("bad.prom") != std::string::npos);
    CHECK_FALSE(f.sink.at(R"({__name__="x",host="h"})", 1'000));
    CHECK_FALSE(f.mtime_at("bad.prom", 1'000));
    CHECK(f.sink.at(R"({__name__="y",host="h"})", 1'000) == 1.0);
    CHECK(f.error_at(1'000) == 1);
    f.put("bad.prom", "x 1\n");
    CHECK(f.scrape(2'000).up);
    CHECK(f.sink.at(R"({__name__="x",host="h"})", 2'000) == 1.0);
    CHECK(f.error_at(2'000) == 0);
  }
}

TEST_CASE("files that go end their series; so does the folder") {
  Folder f;
  f.put("a.prom", "x 1\n");
  f.put("b.prom", "y 1\n");
  f.scrape(1'000);
  std::filesystem::remove(f.dir.path() / "a.prom");
  CHECK(f.scrape(2'000).up);
  CHECK(f.sink.stale_at(R"({__name__="x",host="h"})", 2'000));
  CHECK(f.sink.at(R"({__name__="y",host="h"})", 2'000) == 1.0);
  f.files.retire(3'000);
  CHECK(f.sink.stale_at(R"({__name__="y",host="h"})", 3'000));
  TextFiles nowhere(f.dir.path() / "none", {}, f.sink, f.clock);
  const ScrapeOutcome outcome = nowhere.scrape(4'000, f.cancel);
  CHECK_FALSE(outcome.up);
  CHECK(outcome.why.find("none") != std::string::npos);
}

}  // namespace
}  // namespace volta
