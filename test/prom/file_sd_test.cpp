#include "prom/file_sd.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "support/temp_dir.hpp"

namespace volta {
namespace {

void write_targets(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

std::vector<std::string> addresses_of(const FileTargets& files) {
  std::vector<std::string> all;
  for (const TargetGroup& group : files.groups()) {
    all.insert(all.end(), group.addresses.begin(), group.addresses.end());
  }
  return all;
}

TEST_CASE("target groups as Prometheus' file_sd has them") {
  const auto groups = parse_target_groups(
      R"([{"targets":["a:1","b:2"],"labels":{"z":"1","a":"2","__meta_x":"y","host":"h","e":""}},
          {"targets":[]}, {"labels":{}}])");
  REQUIRE(groups);
  REQUIRE(groups->size() == 3);
  CHECK(groups.value()[0].addresses == std::vector<std::string>{"a:1", "b:2"});
  CHECK(groups.value()[0].labels ==
        Labels{{"__meta_x", "y"}, {"a", "2"}, {"host", "h"}, {"z", "1"}});
  for (const char* text :
       {"", "{}", "[", "[1]", "[[]]", R"([{"targets":"a"}])", R"([{"targets":[1]}])",
        R"([{"labels":{"a":1}}])", R"([{"target":["a"]}])", R"([{"labels":{"a b":"c"}}])"}) {
    INFO(text);
    CHECK_FALSE(parse_target_groups(text));
  }
}

TEST_CASE("files are read when they change; a broken one keeps what it had") {
  const test::TempDir dir;
  FileTargets files({dir.path() / "one.json", dir.path() / "more" / "*.json"});
  files.refresh();
  CHECK(files.complaints().size() == 1);  // one.json is not there, a pattern may match nothing
  std::filesystem::create_directory(dir.path() / "more");
  write_targets(dir.path() / "one.json", R"([{"targets":["a:1"]}])");
  write_targets(dir.path() / "more" / "x.json", R"([{"targets":["x:1"]}])");
  write_targets(dir.path() / "more" / "y.json", R"([{"targets":["y:1"]}])");
  write_targets(dir.path() / "more" / "y.txt", "no");
  files.refresh();
  CHECK(files.complaints().empty());
  CHECK(addresses_of(files) == std::vector<std::string>{"x:1", "y:1", "a:1"});
  write_targets(dir.path() / "one.json", R"([{"targets":["a:1","a:2")");
  std::filesystem::remove(dir.path() / "more" / "x.json");
  write_targets(dir.path() / "more" / "y.json", R"([{"targets":["y:2"]}])");
  files.refresh();
  REQUIRE(files.complaints().size() == 1);
  CHECK(files.complaints()[0].find("one.json") != std::string::npos);
  CHECK(addresses_of(files) == std::vector<std::string>{"y:2", "a:1"});
  std::filesystem::remove(dir.path() / "one.json");
  files.refresh();
  CHECK(addresses_of(files) == std::vector<std::string>{"y:2"});
}

class NoFiles {
 public:
  NoFiles() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit none{0, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  NoFiles(const NoFiles&) = delete;
  NoFiles& operator=(const NoFiles&) = delete;
  ~NoFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("a folder that cannot be listed keeps its targets until it can be, or is gone") {
  const test::TempDir dir;
  const auto folder = dir.path() / "more";
  std::filesystem::create_directory(folder);
  write_targets(folder / "x.json", R"([{"targets":["x:1"]}])");
  write_targets(folder / "y.json", R"([{"targets":["y:1"]}])");
  FileTargets files({folder / "x*.json", folder / "y.json"});
  files.refresh();
  {
    const NoFiles none;  // nothing can be opened
    files.refresh();
  }
  CHECK(files.complaints().size() == 3);  // of the folder, and of each file
  CHECK(addresses_of(files) == std::vector<std::string>{"x:1", "y:1"});
  files.refresh();
  CHECK(files.complaints().empty());
  std::filesystem::remove_all(folder);
  files.refresh();
  CHECK(addresses_of(files).empty());
}

}  // namespace
}  // namespace volta
