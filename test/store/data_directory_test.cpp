#include "store/data_directory.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/agent.hpp"
#include "store/store.hpp"
#include "support/fake_clock.hpp"
#include "support/root.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

unsigned mode_of(const std::filesystem::path& path) { return status_of(path).st_mode & 0777U; }

template <typename Open>
StoreError error_of(Open&& open) {
  try {
    open();
  } catch (const StoreError& error) {
    return error;
  }
  FAIL("nothing was thrown");
  std::abort();
}

TEST_CASE("the directory and its files are closed to others whatever the umask") {
  const test::TempDir dir;
  const mode_t before = ::umask(0);
  const test::FakeClock clock;
  StoreOptions options;
  options.directory = dir.path() / "a" / "b";
  {
    Store store(options, clock);
    REQUIRE(store.hosts().add("a", test::token(1)));
    CHECK(mode_of(dir.path() / "a") == 0700);
    CHECK(mode_of(options.directory) == 0700);
    for (const auto& entry : std::filesystem::directory_iterator(options.directory)) {
      CAPTURE(entry.path());
      CHECK(mode_of(entry.path()) == 0600);
    }
  }
  ::umask(before);
}

TEST_CASE("a directory with other things in it keeps its mode") {
  const test::TempDir dir;
  const auto full = dir.path() / "full";
  const auto empty = dir.path() / "empty";
  std::filesystem::create_directories(full);
  std::filesystem::create_directories(empty);
  std::ofstream(full / "mine") << "x";
  ::chmod(full.c_str(), 0755);
  ::chmod(empty.c_str(), 0755);
  const DataDirectory first(full);
  const DataDirectory second(empty);
  CHECK(mode_of(full) == 0755);
  CHECK(mode_of(empty) == 0700);
}

TEST_CASE("a second owner is refused and told of the first") {
  const test::TempDir dir;
  const auto path = dir.path() / "data";
  CHECK_FALSE(lock_holder(path));
  {
    const DataDirectory first(path);
    first.announce("http://127.0.0.1:8420");
    const StoreError error = error_of([&] { DataDirectory second(path); });
    CHECK(error.kind() == StoreError::Kind::locked);
    CHECK(error.holder() == ::getpid());
    CHECK_THAT(error.what(), Catch::Contains("http://127.0.0.1:8420"));
    CHECK_THAT(error.what(), Catch::Contains(std::to_string(::getpid())));
    const auto holder = lock_holder(path);
    REQUIRE(holder);
    CHECK(holder->pid == ::getpid());
    CHECK(holder->text == "http://127.0.0.1:8420");
  }
  CHECK_FALSE(lock_holder(path));
  const DataDirectory next(path);
}

TEST_CASE("the lock of another process counts") {
  const test::TempDir dir;
  const auto path = dir.path() / "data";
  { const DataDirectory made(path); }
  std::array<int, 2> ready{};
  std::array<int, 2> leave{};
  REQUIRE(::pipe(ready.data()) == 0);
  REQUIRE(::pipe(leave.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {  // system calls only
    const int fd = ::open((path / "volta.lock").c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    const bool locked = ::fcntl(fd, F_OFD_SETLK, &lock) == 0 && ::write(fd, "4242\n", 5) == 5;
    char byte = locked ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(leave[0], &byte, 1);
    _exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  const test::FakeClock clock;
  StoreOptions options;
  options.directory = path;
  const StoreError error = error_of([&] { Store store(options, clock); });
  CHECK(error.kind() == StoreError::Kind::locked);
  CHECK(error.holder() == 4242);
  REQUIRE(::write(leave[1], &byte, 1) == 1);
  ::waitpid(child, nullptr, 0);
  for (const int fd : {ready[0], ready[1], leave[0], leave[1]}) ::close(fd);
  const Store store(options, clock);
}

TEST_CASE("who asks for the holder never turns away who starts") {
  const test::TempDir dir;
  const auto path = dir.path() / "data";
  { const DataDirectory made(path); }
  std::atomic<bool> stop{false};
  std::atomic<int> asked{0};
  std::thread asking([&] {
    while (!stop) {
      (void)lock_holder(path);
      ++asked;
    }
  });
  while (asked == 0) std::this_thread::yield();
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    try {
      const DataDirectory started(path);
    } catch (const StoreError&) {
      ++refused;
    }
  }
  stop = true;
  asking.join();
  CHECK(refused == 0);
}

TEST_CASE("what cannot be a data directory is refused in a sentence") {
  const test::TempDir dir;
  std::ofstream(dir.path() / "file") << "x";
  std::filesystem::create_directories(dir.path() / "linked");
  std::filesystem::create_symlink("/etc/hostname", dir.path() / "linked" / "volta.lock");
  for (const char* name : {"file", "file/below", "linked"}) {
    CAPTURE(name);
    const StoreError error = error_of([&] { DataDirectory data(dir.path() / name); });
    CHECK(error.kind() == StoreError::Kind::unwritable);
    CHECK_THAT(error.what(), Catch::Contains(dir.path().string()));
  }
}

TEST_CASE("root leaves nothing of its own in another user's directory") {
  if (test::skipped_if(!test::is_root(), "only root can give a directory away")) return;
  const test::TempDir dir;
  constexpr uid_t kNobody = 65534;
  const auto path = dir.path() / "data";
  std::filesystem::create_directories(path);
  REQUIRE(::chown(path.c_str(), kNobody, kNobody) == 0);
  const test::FakeClock clock;
  StoreOptions options;
  options.directory = path;
  Store store(options, clock);
  REQUIRE(store.hosts().add("a", test::token(1)));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    CAPTURE(entry.path());
    CHECK(status_of(entry.path()).st_uid == kNobody);
    ++files;
  }
  CHECK(files >= 4);  // lock, database, WAL, shared memory
}

}  // namespace
}  // namespace volta
