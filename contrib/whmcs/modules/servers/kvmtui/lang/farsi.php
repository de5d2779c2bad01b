<?php

$_LANG['manage'] = 'مدیریت ماشین مجازی';
$_LANG['start'] = 'روشن کردن';
$_LANG['shutdown'] = 'خاموش کردن';
$_LANG['reboot'] = 'راه‌اندازی مجدد';
$_LANG['name'] = 'نام';
$_LANG['status'] = 'وضعیت';
$_LANG['address'] = 'نشانی IP';
$_LANG['traffic'] = 'ترافیک این ماه';
$_LANG['in'] = 'ورودی';
$_LANG['out'] = 'خروجی';
$_LANG['unavailable'] = 'ماشین مجازی اکنون در دسترس نیست. بعداً دوباره تلاش کنید.';
$_LANG['forbidden'] = 'طرح شما این امکان را ندارد.';
$_LANG['state_running'] = 'روشن';
$_LANG['state_stopped'] = 'خاموش';
$_LANG['state_suspended'] = 'معلق';
$_LANG['state_installing'] = 'در حال نصب';
$_LANG['state_changing'] = 'در حال تغییر';
$_LANG['state_removed'] = 'حذف‌شده';
$_LANG['state_unknown'] = 'نامشخص';
