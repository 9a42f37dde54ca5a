#include "work/words.h"

#include "plugin/texts.h"

/* Keyed by the English sentence, as plugin/texts.c explains. An item is written %s or %d here whatever the C format
 * says (%.*s, %lld). A sentence that was changed there and forgotten here is shown in English: nothing else breaks. */

static const struct text words[] = {
    /* access */
    {"no role of %s allows %s; an administrator sees with acl.why which role would",
     "%s 没有可以使用 %s 的角色；管理员可用 acl.why 查看需要哪个角色"},
    {"%s may use %s on several units apart from each other; name the unit",
     "%s 可在多个互不相属的单位使用 %s；请指明单位"},
    {"%s may use %s on several units apart from each other, and it takes no unit; a grant on a unit above them "
     "is needed",
     "%s 可在多个互不相属的单位使用 %s，而该命令不带单位参数；需要在其上级单位授权"},
    {"unit %s is outside of what %s may reach with %s", "单位 %s 不在 %s 使用 %s 的范围之内"},
    {"there is no unit %s to be the parent", "上级单位 %s 不存在"},
    {"there is no unit %s", "单位 %s 不存在"},
    {"%s may not set the time: no role grants backdate there; leave out at",
     "%s 不能指定时间：没有该范围的 backdate 授权；请去掉 at"},
    {"%s takes a secret, of which nothing is stored; send it without idem",
     "%s 带有机密，不作任何保存；请去掉 idem 再发"},
    {"sign-in refused: name, secret or method is wrong, or the user is disabled",
     "登录被拒绝：用户名、密码或令牌、登录方式有误，或用户已停用"},
    {"user %s is disabled; ask an administrator", "用户 %s 已停用；请联系管理员"},
    {"the certificate of %s was revoked; sign in with another", "%s 的证书已吊销；请用其他方式登录"},
    {"the token of %s was revoked; sign in with another", "%s 的令牌已吊销；请用其他方式登录"},
    {"the user no longer exists", "该用户已不存在"},
    {"there is no user %s", "用户 %s 不存在"},
    {"there is a user %s already", "用户 %s 已存在"},
    {"a user's name has 1 to 64 bytes, without blanks, quotes and any of / \\ , = * :",
     "用户名为 1 至 64 字节，不含空白、引号以及 / \\ , = * :"},
    {"methods are words out of cert, password, token, with commas between them",
     "登录方式为 cert、password、token 的组合，以逗号分隔"},
    {"the languages are zh-CN and en", "语言为 zh-CN 或 en"},
    {"a password has %d to %d characters", "密码为 %d 至 %d 个字符"},
    {"this user may not sign in with a password; user.set methods= allows it",
     "该用户不能用密码登录；可用 user.set methods= 允许"},
    {"this user may not sign in with a %s; user.set methods= allows it",
     "该用户不能用 %s 登录；可用 user.set methods= 允许"},
    {"a label has 1 to 100 bytes", "标签为 1 至 100 字节"},
    {"the user has a token %s already; revoke it or choose another label", "该用户已有令牌 %s；请先吊销或换一个标签"},
    {"the user has no token %s", "该用户没有令牌 %s"},
    {"a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits", "指纹是证书的 SHA-256：64 位十六进制数"},
    {"this certificate is, or was, bound to a user; issue a new one", "该证书已经或曾经绑定用户；请另发新证书"},
    {"no such certificate is bound to this user", "该用户没有绑定这个证书"},
    {"no administrator who can sign in would be left; make another one first (role.grant role=administrator)",
     "这样就没有能够登录的管理员了；请先指定另一名（role.grant role=administrator）"},
    {"only an administrator changes an administrator", "只有管理员可以更改管理员"},
    {"only an administrator makes administrators", "只有管理员可以指定管理员"},
    {"%s concerns the whole server, and %s holds it on a unit only; a grant without unit is needed",
     "%s 涉及整个服务器，而 %s 只在某单位有此权限；需要不限单位的授权"},
    {"there is no role %s; role.list shows them", "角色 %s 不存在；可用 role.list 查看"},
    {"the user holds this role there already", "该用户在此范围已有该角色"},
    {"the user does not hold this role there; user.list and acl.why show what it holds",
     "该用户在此范围没有该角色；可用 user.list 和 acl.why 查看"},
    {"the user is an administrator already", "该用户已是管理员"},
    {"the user is no administrator", "该用户不是管理员"},
    {"the role administrator is for everything; leave out the unit", "角色 administrator 针对全部范围；请去掉单位"},
    {"the role administrator is built in and allows everything", "角色 administrator 是内置的，允许一切"},
    {"a role's name has 1 to %d bytes, without blanks, commas and slashes",
     "角色名为 1 至 %d 字节，不含空白、逗号和斜线"},
    {"a role has at most %d grants", "一个角色至多 %d 项授权"},
    {"%s is no grant: write a command's name, \"plugin.*\" or \"*\", with \"read:\" in front for its reading "
     "commands only, or \"backdate\"",
     "%s 不是授权：请写命令名、\"plugin.*\" 或 \"*\"，前面加 \"read:\" 表示仅读命令，或写 \"backdate\""},
    {"a unit's code has 1 to %d bytes, without blanks, commas and slashes",
     "单位代码为 1 至 %d 字节，不含空白、逗号和斜线"},
    {"unit %s cannot be moved below itself", "单位 %s 不能移到自己之下"},
    {"units nest at most %d deep, with paths of at most %d bytes", "单位至多 %d 层，路径至多 %d 字节"},
    {"there is no audit row %d to go on from", "没有第 %d 行审计记录可供继续"},
    {"there is no command or figure %s", "没有命令或指标 %s"},
    /* work */
    {"this key was used for another request; the same key is for sending the same request again",
     "该幂等键已用于另一个请求；同一个键只用于重发同一请求"},
    {"the replies to the requests before this one are over %d MiB; send fewer at once",
     "此前各请求的答复已超过 %d MiB；请一次少发一些"},
    {"%s ended the transaction that it shares with others, as INSERT OR ROLLBACK does; it alone was undone",
     "%s 结束了与他人共享的事务（如 INSERT OR ROLLBACK）；仅撤销了它自己"},
    {"another server has taken the database over; nothing was kept, ask the other one",
     "另一台服务器已接管数据库；未保存任何内容，请改问那一台"},
    {"it is not known whether this was kept; send it again with the same idem",
     "不能确定是否已保存；请用同一个 idem 再发一次"},
    {"the database asked %d times to try again; nothing was kept", "数据库 %d 次要求重试；未保存任何内容"},
    {"calls between plugins nest at most %d deep", "插件之间的调用至多 %d 层"},
    {"there is no command %s", "没有命令 %s"},
    {"there is no figure %s; figure.list shows them", "没有指标 %s；可用 figure.list 查看"},
    {"%s changes data, and %s only reads", "%s 会更改数据，而 %s 是读命令"},
    /* commands */
    {"user.token shows a secret once, and keeps no reply; send it without idem, and revoke a token that was not "
     "received",
     "user.token 只显示一次机密，不保存答复；请去掉 idem，未收到的令牌请吊销"},
    {"%s is an argument of figure.get itself, not one of params", "%s 是 figure.get 自己的参数，不属于 params"},
    {"a figure takes at most %d params", "一个指标至多 %d 个参数"},
    {"params is a JSON object of the figure's own arguments", "params 是由该指标自己的参数组成的 JSON 对象"},
    {"plugin %s has no setting %s; setting.list shows them", "插件 %s 没有设置 %s；可用 setting.list 查看"},
    /* store */
    {"a read command cannot write: declare mode = \"write\"", "读命令不能写入：请声明 mode = \"write\""},
    {"an idempotency key has at most %d bytes", "幂等键至多 %d 字节"},
    {"the deadline passed during a database statement", "执行数据库语句时超过时限"},
    {"the query gives more than %d rows: narrow it or add LIMIT", "查询结果超过 %d 行：请缩小范围或加 LIMIT"},
    {"the query gives more than %d bytes: narrow it or add LIMIT", "查询结果超过 %d 字节：请缩小范围或加 LIMIT"},
    {"integer overflow: the result does not fit 64 bits", "整数溢出：结果超出 64 位"},
    {"database %s: disk full", "数据库 %s：磁盘已满"},
};

void words_localise(const char *lang, struct err *err)
{
    if (!texts_localise_from(words, sizeof(words) / sizeof(words[0]), lang, err))
        texts_localise(lang, err);
}
