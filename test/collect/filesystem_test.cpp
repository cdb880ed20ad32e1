#include "collect/filesystem.hpp"

#include <atomic>
#include <mutex>
#include <set>

#include <catch2/catch.hpp>

#include "collect/hanging.hpp"
#include "collect/host_probe.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace volta {
std::unique_ptr<Collector> open_filesystem(const HostRoots& roots, const CollectOptions& options);

namespace {

using Values = test::HostProbe::Values;

// 100 blocks of 4 KiB, 40 free, 30 for ordinary users.
int answer(const char* /*path*/, struct statvfs* out) {
  *out = {};
  out->f_frsize = 4096;
  out->f_blocks = 100;
  out->f_bfree = 40;
  out->f_bavail = 30;
  out->f_files = 1000;
  out->f_ffree = 900;
  return 0;
}

constexpr const char* kTwo =
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / /mnt/n ro - nfs4 s:/x ro\n";
constexpr const char* kRootLabels = R"({device="/dev/sda1",fstype="ext4",mountpoint="/"})";

std::string series(const char* name, const char* labels) {
  return std::string("volta_filesystem_") + name + labels;
}

TEST_CASE("a table in which nothing is to be shown is read once too") {
  const test::TempDir dir;
  dir.write("proc/self/mountinfo", "1 0 0:5 / /proc rw - proc proc rw\nno mount\n");
  const auto collector = make_filesystem({dir.path() / "proc", dir.path() / "sys", dir.path()}, {},
                                         system_clock(), answer);
  REQUIRE(collector);
  test::HostProbe probe;
  for (int i = 0; i < 3; ++i) CHECK(probe.sample(*collector).empty());
  CHECK(collector->skipped() == 1);
}

TEST_CASE("a recorded host shows what mountinfo says, and no size of this machine") {
  const auto check = [](const char* machine, bool network, std::set<std::string> want) {
    INFO(machine);
    CollectOptions options;
    options.network_filesystems = network;
    const auto collector = open_filesystem(test::recorded_host(machine), options);
    REQUIRE(collector);
    test::HostProbe probe;
    std::set<std::string> names;
    for (const auto& [name, value] : probe.sample(*collector)) {
      CHECK(name.starts_with("volta_filesystem_readonly"));
      CHECK(value == (name.find("USB STICK") != std::string::npos ? 1 : 0));
      names.insert(name.substr(name.find("mountpoint=") + 12));
    }
    CHECK(names == want);
  };
  check("laptop-i7", false, {"/\"}", "/boot/efi\"}", "/media/user/USB STICK\"}"});
  check("laptop-i7", true, {"/\"}", "/boot/efi\"}", "/media/user/USB STICK\"}", "/mnt/share\"}"});
  check("server-2s", false, {"/\"}", "/boot/efi\"}", "/home\"}", "/tank/vm\"}"});
  check("server-2s", true, {"/\"}", "/boot/efi\"}", "/home\"}", "/mnt/archive\"}", "/tank/vm\"}"});
  check("vm-2cpu", false, {"/\"}"});
  CHECK(open_filesystem(test::host_in("/nonexistent"), {}) == nullptr);
}

TEST_CASE("sizes come from the lane, the first ones already with the first tick") {
  const test::TempDir dir;
  dir.write("proc/1/mountinfo", kTwo);
  test::FakeClock clock;
  const auto collector = make_filesystem(test::host_in(dir.path()), {}, clock, answer);
  REQUIRE(collector);
  test::HostProbe probe;
  const Values want = {{series("size_bytes", kRootLabels), 409600},
                       {series("used_bytes", kRootLabels), 245760},
                       {series("available_bytes", kRootLabels), 122880},
                       {series("inodes", kRootLabels), 1000},
                       {series("inodes_free", kRootLabels), 900},
                       {series("readonly", kRootLabels), 0},
                       {series("stalled", kRootLabels), 0}};
  CHECK(probe.sample(*collector) == want);
}

TEST_CASE("paths are asked below the root that was given") {
  const test::TempDir dir;
  dir.write("proc/1/mountinfo", kTwo);
  test::FakeClock clock;
  const auto mutex = std::make_shared<std::mutex>();
  const auto paths = std::make_shared<std::set<std::string>>();
  CollectOptions options;
  options.network_filesystems = true;
  const auto collector = make_filesystem({dir.path() / "proc", "/sys", "/host/"}, options, clock,
                                         [mutex, paths](const char* path, struct statvfs*) {
                                           const std::lock_guard lock(*mutex);
                                           paths->insert(path);
                                           return -1;
                                         });
  test::HostProbe probe;
  const Values values = probe.sample(*collector);
  CHECK(values.size() == 4);  // no sizes: the call failed
  const std::lock_guard lock(*mutex);
  CHECK(*paths == std::set<std::string>{"/host/", "/host/mnt/n"});
}

TEST_CASE("a long mount point keeps its name; what is no text goes by its numbers") {
  const test::TempDir dir;
  const std::string pod =
      "/var/lib/kubelet/pods/01234567-89ab-cdef-0123-456789abcdef/volumes/kubernetes.io~csi/"
      "pvc-01234567-89ab-cdef-0123-456789abcdef/mount";
  const std::string two =
      "9 1 8:32 / /od\xff rw - ext4 /dev/sdc rw\n3 1 8:16 / " + pod + " rw - ext4 /dev/sdb rw\n";
  dir.write("proc/1/mountinfo", two);
  test::FakeClock clock;
  const auto gate = std::make_shared<test::Gate>();
  const auto asked = std::make_shared<std::atomic<int>>(0);
  const auto collector = make_filesystem(test::host_in(dir.path()), {}, clock,
                                         [gate, asked](const char* path, struct statvfs* out) {
                                           if (std::string_view(path).ends_with("\xff")) {
                                             ++*asked;
                                             gate->pass();
                                           }
                                           return answer(path, out);
                                         });
  gate->wait_for_arrival();
  test::HostProbe probe;
  const Values values = probe.sample(*collector);
  CHECK(values.count(series("readonly", R"({device="8:32",fstype="ext4",mountpoint="?"})")) == 1);
  const std::string named = R"({device="/dev/sdb",fstype="ext4",mountpoint=")" + pod + "\"}";
  CHECK(values.count(series("readonly", named.c_str())) == 1);

  // It hangs. When the table changes it is still known as the one that does, and not asked again.
  clock.advance(std::chrono::seconds(5));
  probe.sample(*collector);
  dir.write("proc/1/mountinfo", two + "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  std::size_t rounds = 0;
  test::Gate::wait_until([&] {
    probe.advance(std::chrono::seconds(10));
    rounds += probe.sample(*collector).count(series("size_bytes", kRootLabels));
    return rounds == 3;
  });
  CHECK(*asked == 1);
  gate->open();
}

TEST_CASE("a mount that hangs is marked, and nobody waits for it") {
  const test::TempDir dir;
  // The hung one first, so that the other stands behind it.
  dir.write("proc/1/mountinfo",
            "2 1 0:9 / /a ro - nfs4 s:/x ro\n1 0 8:1 / /b rw - ext4 /dev/sda1 rw\n");
  const char* const hung = R"({device="s:/x",fstype="nfs4",mountpoint="/a"})";
  const char* const well = R"({device="/dev/sda1",fstype="ext4",mountpoint="/b"})";
  test::FakeClock clock;
  const auto gate = std::make_shared<test::Gate>();
  CollectOptions options;
  options.network_filesystems = true;
  auto collector = make_filesystem(test::host_in(dir.path()), options, clock,
                                   [gate](const char* path, struct statvfs* out) {
                                     if (std::string_view(path).ends_with("/a")) gate->pass();
                                     return answer(path, out);
                                   });
  gate->wait_for_arrival();
  test::HostProbe probe;
  Values values = probe.sample(*collector);
  CHECK(values.at(series("stalled", hung)) == 0);
  CHECK(values.count(series("size_bytes", well)) == 0);

  clock.advance(std::chrono::seconds(5));
  probe.advance(std::chrono::seconds(10));
  values = probe.sample(*collector);
  CHECK(values.at(series("stalled", hung)) == 1);
  CHECK(values.at(series("readonly", hung)) == 1);
  CHECK(values.count(series("size_bytes", hung)) == 0);
  test::Gate::wait_until([&] {
    probe.advance(std::chrono::seconds(10));
    values = probe.sample(*collector);
    return values.count(series("size_bytes", well)) == 1;
  });
  CHECK(values.at(series("stalled", well)) == 0);
  CHECK(values.at(series("stalled", hung)) == 1);

  gate->open();
  test::Gate::wait_until([&] {
    probe.advance(std::chrono::seconds(10));
    values = probe.sample(*collector);
    return values.at(series("stalled", hung)) == 0 && values.count(series("size_bytes", hung)) == 1;
  });
}

TEST_CASE("a collector can go while a mount hangs") {
  const test::TempDir dir;
  dir.write("proc/1/mountinfo", kTwo);
  test::FakeClock clock;
  const auto gate = std::make_shared<test::Gate>();
  const auto left = std::make_shared<std::atomic<bool>>(false);
  make_filesystem(test::host_in(dir.path()), {}, clock, [gate, left](const char*, struct statvfs*) {
    gate->pass();
    left->store(true);
    return -1;
  }).reset();
  CHECK_FALSE(left->load());
  gate->open();
  test::Gate::wait_until([&] { return left->load(); });
}

TEST_CASE(
    "mounts come and go; a table that cannot be read is a failure; absurd sizes are not shown") {
  const test::TempDir dir;
  dir.write("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  test::FakeClock clock;
  const auto collector = make_filesystem(test::host_in(dir.path()), {}, clock,
                                         [](const char* path, struct statvfs* out) {
                                           answer(path, out);
                                           out->f_blocks = ~fsblkcnt_t{0};
                                           return 0;
                                         });
  test::HostProbe probe;
  CHECK(probe.sample(*collector).size() == 2);
  dir.write("proc/1/mountinfo",
            "broken\n1 0 8:1 / / ro - ext4 /dev/sda1 rw\n3 1 8:2 / /b rw - xfs /dev/sda2 rw\n");
  const Values values = probe.sample(*collector);
  CHECK(values.at(series("readonly", kRootLabels)) == 1);
  CHECK(values.size() == 4);
  CHECK(collector->skipped() == 1);
  probe.sample(*collector);
  CHECK(collector->skipped() == 1);  // the same text is not counted twice
}

}  // namespace
}  // namespace volta
