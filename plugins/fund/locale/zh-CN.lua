return {
  -- common
  ["%s was recorded later than the time given; check at"] = "%s 的登记时间晚于所给时间，请核对 at",
  ["%s must be 1 to 20 letters, digits or hyphens"] = "%s 须为 1 至 20 个字母、数字或连字符",
  ["the code %s is taken"] = "代码 %s 已被占用",
  -- funds
  ["giving is voluntary: a fund of kind %s takes no payroll deduction"] = "捐款自愿：%s 类项目不得从工资中代扣",
  ["giving is voluntary: a fund of kind %s can have no %s"] = "捐款自愿：%s 类项目不得设置 %s（最低额或指标）",
  ["unknown method %s; known: %s"] = "未知的支付方式 %s；可用：%s",
  ["the fund would close on %s, before it opens on %s"] = "截止日 %s 早于开始日 %s",
  ["fund %s was opened for %s to %s; its last day cannot be %s"] = "项目 %s 的受理日期为 %s 至 %s，最后一日不能是 %s",
  ["gift %s is dated after %s; close fund %s later"] = "捐款 %s 的日期晚于 %s，请以更晚的日期关闭项目 %s",
  ["fund %s is closed already"] = "项目 %s 已关闭",
  -- gifts
  ["fund %s takes gifts dated %s to %s and is %s; %s is refused"] = "项目 %s 受理日期为 %s 至 %s，当前状态 %s；不受理 %s 的捐款",
  ["%s has not come yet; today is %s"] = "%s 尚未到来，今天是 %s",
  ["fund %s takes %s, not %s"] = "项目 %s 接受 %s，不接受 %s",
  ['lines is a list such as [{"method":"cash","amount_fen":60000,"ref":"…"}]'] =
    'lines 为列表，如 [{"method":"cash","amount_fen":60000,"ref":"…"}]',
  ["a pay line's ref is a text of at most 100 bytes"] = "支付明细的 ref 为不超过 100 字节的文字",
  ["the pay lines add up to %d fen, the gift is %d fen"] = "支付明细合计 %d 分，捐款为 %d 分",
  ["gift %s is of the same donor, amount and day; if this is another, send confirm=1"] =
    "已有同一捐款人、同日、同额的 %s；如确为另一笔，请加 confirm=1",
  ["pledge %s is of the same donor, amount and day: fund.receive takes its money; for another gift send confirm=1"] =
    "已有同一捐款人、同日、同额的认捐 %s：到账请用 fund.receive；如确为另一笔，请加 confirm=1",
  ["fund %s takes gifts of %s yuan or more"] = "项目 %s 单笔最低 %s 元",
  ["receipt %s must be voided (fund.receipt.void) before gift %s is paid back"] = "须先作废收据 %s（fund.receipt.void），才能退还捐款 %s",
  ["%s yuan are left of gift %s, so %s yuan cannot be paid back"] = "可退余额 %s 元（捐款 %s），不能退 %s 元",
  ["a refund is dated from %s to %s, not %s"] = "退款日期须在 %s 至 %s 之间，不能是 %s",
  -- donors
  ["%s is no member of branch %s; leave branch out"] = "%s 不是支部 %s 的党员，请不要填写 branch",
  ["%s belongs to branch %s on %s, not to %s"] = "%s 所属支部为 %s（%s），不是 %s",
  ["fund %s takes dues of Party members only; %s is in no branch on %s"] = "项目 %s 只收党员党费；%s 在 %s 不属于任何支部",
  ["fund %s is for staff outside the Party; %s is a member of branch %s"] = "项目 %s 面向非党职工；%s 是支部 %s 的党员",
  ["unit %s does not belong to unit %s, which keeps fund %s"] = "机构 %s 不在机构 %s 之下（项目 %s 的主管机构）",
  ["a gift of %s counts for unit %s, not for %s"] = "%s 的捐款计入机构 %s，不计入 %s",
  ["say who gives: donor, donor_name or anonymous=1"] = "请说明捐款人：donor、donor_name 或 anonymous=1",
  ["fund %s takes goods only: fund.inkind.give"] = "项目 %s 只收物资：fund.inkind.give",
  ["fund %s needs the donor's person code"] = "项目 %s 须填写捐款人代码",
  -- batches
  ["an open batch is named FUND/GROUP/DAY/ROUTE, such as DUES/B1/2020-02-10/upper"] =
    "未关闭批次的名称为 项目/支部或机构/日期/去向，如 DUES/B1/2020-02-10/upper",
  ["batch %s holds %d gifts of %d fen, you counted %d of %d fen; it stays open"] =
    "批次 %s 记有 %d 笔共 %d 分，您清点为 %d 笔共 %d 分；批次未关闭",
  ["batches must be of one fund, each named once"] = "各批次须属同一项目，且不得重复",
  ["batch %s goes to %s, not to %s"] = "批次 %s 的去向为 %s，不是 %s",
  -- receipts
  ["gift %s was sent on but its arrival is not confirmed; fund.confirm comes first"] = "捐款 %s 已上缴，尚未确认到账，请先办理 fund.confirm",
  ["gift %s went to the centre, which issues the receipt: give its number as ref"] =
    "捐款 %s 已上缴中央，收据由中央开具：请以 ref 填写其编号",
  -- goods
  ["fund %s is of kind %s and takes money only"] = "项目 %s 属 %s 类，只收款项",
  -- lists and bank
  ["a published list holds at most %d gifts"] = "公示名单最多 %d 笔",
  ["fund %s was opened as one that is not published"] = "项目 %s 设定为不公示",
  ['rows is a list of at most %d such as [{"ref":"…","amount_fen":50000,"on":"2020-02-10"}], with ref or on'] =
    'rows 为不超过 %d 行的列表，如 [{"ref":"…","amount_fen":50000,"on":"2020-02-10"}]，ref 与 on 至少一项',
  ["name 1 to %d funds"] = "请列出 1 至 %d 个项目",
}
