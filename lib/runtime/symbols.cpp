// SPDX-License-Identifier: BSL-1.0
// dladdr() knows exported symbols only, and a program exports none. Its file has them all, unless it was stripped: the table
// of sections leads to that of symbols (System V ABI, chapter 4).
#include "symbols.hpp"

#include <gyre/base/text.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <span>

namespace gyre::detail {
namespace {

// A file of the disk as memory; empty if that does not work.
class mapped_file {
 public:
  explicit mapped_file(const char* path) noexcept {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat about{};
    if (::fstat(fd, &about) == 0 && about.st_size > 0) {
      void* memory = ::mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
      if (memory != MAP_FAILED)
        bytes_ = {static_cast<const std::byte*>(memory), static_cast<std::size_t>(about.st_size)};
    }
    ::close(fd);
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }

  // `count` objects at `offset`; empty if they are not all in the file.
  template <class T>
  [[nodiscard]] std::span<const T> at(std::uint64_t offset, std::uint64_t count) const noexcept {
    if (offset > bytes_.size() || count > (bytes_.size() - offset) / sizeof(T) || offset % alignof(T) != 0) return {};
    return {reinterpret_cast<const T*>(bytes_.data() + offset), static_cast<std::size_t>(count)};
  }

 private:
  std::span<const std::byte> bytes_;
};

struct found_symbol {
  std::string name;
  std::uint64_t offset = 0;
};

// The function that `place`, an address as the file counts them, is in.
found_symbol find_in(const mapped_file& file, std::uint64_t place) {
  const auto head = file.at<ElfW(Ehdr)>(0, 1);
  if (head.empty() || std::memcmp(head[0].e_ident, ELFMAG, SELFMAG) != 0) return {};
  const auto sections = file.at<ElfW(Shdr)>(head[0].e_shoff, head[0].e_shnum);
  for (const auto& section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const auto names = file.at<char>(sections[section.sh_link].sh_offset, sections[section.sh_link].sh_size);
    for (const auto& symbol : file.at<ElfW(Sym)>(section.sh_offset, section.sh_size / sizeof(ElfW(Sym)))) {
      const bool function = (symbol.st_info & 0xfU) == STT_FUNC;
      if (!function || place < symbol.st_value || place - symbol.st_value >= symbol.st_size) continue;
      if (symbol.st_name >= names.size()) return {};
      const auto name = names.subspan(symbol.st_name);
      return {std::string(name.data(), ::strnlen(name.data(), name.size())), place - symbol.st_value};
    }
  }
  return {};
}

bool moves_when_loaded(const mapped_file& file) noexcept {
  const auto head = file.at<ElfW(Ehdr)>(0, 1);
  return head.empty() || head[0].e_type != ET_EXEC;
}

// The name of a program may be relative to a folder that it has left.
const char* path_of(const void* address, const Dl_info& object) noexcept {
  Dl_info again{};
  link_map* map = nullptr;
  const bool known = ::dladdr1(address, &again, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0 && map != nullptr;
  return known && map->l_name[0] == '\0' ? "/proc/self/exe" : object.dli_fname;
}

found_symbol find_symbol(const Dl_info& object, std::uint64_t address) {
  found_symbol found;
  const mapped_file file(path_of(reinterpret_cast<const void*>(address), object));
  const auto base = reinterpret_cast<std::uintptr_t>(object.dli_fbase);
  found = find_in(file, moves_when_loaded(file) ? address - base : address);
  if (found.name.empty() && object.dli_sname != nullptr) {
    found = {object.dli_sname, address - reinterpret_cast<std::uintptr_t>(object.dli_saddr)};
  }
  return found;
}

void append_hex(std::string& out, std::uint64_t n) { append_address(out, reinterpret_cast<const void*>(n)); }

}  // namespace

bool in_loaded_object(const void* address) noexcept {
  Dl_info object{};
  return ::dladdr(address, &object) != 0;
}

void append_symbol(std::string& out, const void* address, bool return_address) {
  const auto exact = reinterpret_cast<std::uintptr_t>(address);
  const std::uintptr_t inside = return_address && exact != 0 ? exact - 1 : exact;
  Dl_info object{};
  if (::dladdr(reinterpret_cast<const void*>(inside), &object) == 0 || object.dli_fname == nullptr) {
    append_hex(out, exact);
    return;
  }
  const found_symbol symbol = find_symbol(object, inside);
  if (symbol.name.empty()) {
    append_hex(out, exact - reinterpret_cast<std::uintptr_t>(object.dli_fbase));
  } else {
    if (symbol.name.starts_with("_Z")) {
      append_type_name(out, symbol.name.c_str());
    } else {
      out += symbol.name;
    }
    out += '+';
    append_hex(out, symbol.offset + (exact - inside));
  }
  out += " in ";
  const char* slash = std::strrchr(object.dli_fname, '/');
  out += slash == nullptr ? object.dli_fname : slash + 1;
}

}  // namespace gyre::detail
