/* Reads a folder that it was given: files, sizes, positions, types, the listing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in(const char *folder, const char *name)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void read_file(const char *path)
{
    char text[64] = "";
    struct stat status;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        printf("no file: %s\n", strerror(errno));
        return;
    }
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    printf("read %zu: %s\n", size, text);
    fseek(file, -3, SEEK_END);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    printf("last three: %s, then %s\n", text, feof(file) ? "the end" : "more");
    printf("position %ld\n", ftell(file));
    if (fstat(fileno(file), &status) == 0)
        printf("size %lld, %s, link count %d\n", (long long)status.st_size,
               S_ISREG(status.st_mode) ? "regular" : "other", (int)status.st_nlink);
    fclose(file);
}

static void read_positions(const char *path)
{
    char text[5] = "";
    int fd = open(path, O_RDONLY);
    printf("pread %zd: %s\n", pread(fd, text, 4, 2), text);
    printf("seek %lld\n", (long long)lseek(fd, 100, SEEK_SET));
    printf("read beyond the end %zd\n", read(fd, text, 4));
    printf("write %zd: %s\n", write(fd, "x", 1), strerror(errno));
    close(fd);
    printf("read of a closed descriptor %zd: %s\n", read(fd, text, 4), strerror(errno));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, by_name);
    printf("%d entries\n", count);
    for (int i = 0; i < count; i++) {
        printf("  %s%s\n", entries[i]->d_name,
               entries[i]->d_type == DT_DIR   ? " (folder)"
               : entries[i]->d_type == DT_LNK ? " (link)"
                                              : "");
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const char *folder = argv[1];
    char target[64] = "";
    struct stat status;
    read_file(in(folder, "hello.txt"));
    read_file(in(folder, "sub/../sub/deep.txt"));
    read_file(in(folder, "link.txt"));
    read_file(in(folder, "empty.txt"));
    read_file(in(folder, "missing.txt"));
    read_positions(in(folder, "hello.txt"));
    list(folder);
    list(in(folder, "sub"));
    printf("stat: %d, folder %d\n", stat(in(folder, "sub"), &status), S_ISDIR(status.st_mode));
    printf("lstat: %d, link %d\n", lstat(in(folder, "link.txt"), &status), S_ISLNK(status.st_mode));
    printf("readlink %zd: ", readlink(in(folder, "link.txt"), target, sizeof(target) - 1));
    printf("%s\n", target);
    printf("access: %d %d\n", access(in(folder, "hello.txt"), R_OK),
           access(in(folder, "missing.txt"), F_OK));
    return 0;
}
