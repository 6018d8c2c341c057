/* Makes, changes, moves and removes files in /tmp, in /workspace and beneath the relative path ".",
 * which is /workspace too, and prints what every call answers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell(const char *what, long long result)
{
    int reason = errno;
    printf("%s: ", what);
    if (result >= 0)
        printf("%lld\n", result);
    else
        printf("%s\n", strerror(reason));
}

static void put(const char *path, int flags, const char *text)
{
    int fd = open(path, O_WRONLY | flags, 0644);
    if (fd < 0) {
        tell(path, fd);
        return;
    }
    tell(path, write(fd, text, strlen(text)));
    close(fd);
}

static void show(const char *path)
{
    char text[100] = "";
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        tell(path, fd);
        return;
    }
    ssize_t size = read(fd, text, sizeof(text) - 1);
    fstat(fd, &status);
    printf("%s: <%s> %zd of %lld\n", path, text, size, (long long)status.st_size);
    close(fd);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, by_name);
    printf("%s:", path);
    for (int i = 0; i < count; i++) {
        printf(" %s%s", entries[i]->d_name, entries[i]->d_type == DT_DIR ? "/" : "");
        free(entries[i]);
    }
    printf("\n");
    free(entries);
}

static void change_contents(void)
{
    struct stat status;
    char text[8] = "";
    put("notes.txt", O_CREAT | O_EXCL, "one two three");
    put("notes.txt", O_CREAT | O_EXCL, "again");
    put("/workspace/notes.txt", O_APPEND, " four");
    show("notes.txt");
    show("./notes.txt");
    put("notes.txt", 0, "ONE");
    show("/workspace/notes.txt");
    put("notes.txt", O_TRUNC, "short");
    show("notes.txt");
    put("/tmp/missing.txt", 0, "x");

    int fd = open("/tmp/holes", O_RDWR | O_CREAT, 0644);
    tell("seek", lseek(fd, 100000, SEEK_SET));
    tell("write at the end", write(fd, "end", 3));
    tell("pwrite", pwrite(fd, "middle", 6, 50000));
    tell("pread", pread(fd, text, 6, 50000));
    printf("text %s\n", text);
    tell("pread in a hole", pread(fd, text, 4, 70000));
    printf("zero %d\n", memcmp(text, "\0\0\0\0", 4) == 0);
    tell("cut", ftruncate(fd, 50003));
    tell("lengthen", ftruncate(fd, 60000));
    tell("pread what was cut", pread(fd, text, 6, 50000));
    printf("text %.6s, zero %d\n", text, text[3] == 0 && text[5] == 0);
    fstat(fd, &status);
    printf("size %lld\n", (long long)status.st_size);
    tell("remove an open file", unlink("/tmp/holes"));
    tell("stat", stat("/tmp/holes", &status));
    tell("read it all the same", pread(fd, text, 3, 50000));
    close(fd);
}

static void change_names(void)
{
    tell("mkdir", mkdir("/tmp/a", 0755));
    tell("mkdir again", mkdir("/tmp/a", 0755));
    tell("mkdir in nothing", mkdir("/tmp/x/y", 0755));
    tell("mkdir deeper", mkdir("/tmp/a/b", 0755));
    put("/tmp/a/b/file", O_CREAT, "content");
    list("/tmp/a");
    tell("rmdir of a full one", rmdir("/tmp/a"));
    tell("rmdir of a file", rmdir("/tmp/a/b/file"));
    tell("move a file", rename("/tmp/a/b/file", "/workspace/moved"));
    show("moved");
    tell("move over a file", rename("moved", "notes.txt"));
    show("notes.txt");
    tell("move a folder", rename("/tmp/a/b", "sub"));
    put("sub/inner.txt", O_CREAT, "inner");
    tell("move a folder over a full one", rename("/tmp/a", "/workspace/sub"));
    tell("move a file over a folder", rename("notes.txt", "sub"));
    tell("move a folder into itself", rename("sub", "sub/deeper"));
    tell("move what is not there", rename("nothing", "other"));
    tell("open a folder for writing", open("sub", O_WRONLY));
    tell("open a file as a folder", open("notes.txt", O_RDONLY | O_DIRECTORY));
    tell("a file in a file", open("notes.txt/x", O_RDONLY));
    list(".");
    list("/workspace/sub");
    list("/tmp");
    tell("unlink", unlink("sub/inner.txt"));
    tell("rmdir", rmdir("sub"));
    tell("rmdir again", rmdir("sub"));
    tell("rmdir", rmdir("/tmp/a"));
    list("/workspace");
}

int main(void)
{
    list("/tmp");
    list(".");
    change_contents();
    change_names();
    return 0;
}
