<?php

$_LANG['manage'] = 'إدارة الخادم الافتراضي';
$_LANG['start'] = 'تشغيل';
$_LANG['shutdown'] = 'إيقاف التشغيل';
$_LANG['reboot'] = 'إعادة التشغيل';
$_LANG['name'] = 'الاسم';
$_LANG['status'] = 'الحالة';
$_LANG['address'] = 'عنوان IP';
$_LANG['traffic'] = 'حركة البيانات هذا الشهر';
$_LANG['in'] = 'وارد';
$_LANG['out'] = 'صادر';
$_LANG['unavailable'] = 'لا يمكن الوصول إلى الخادم الافتراضي الآن. حاول مرة أخرى لاحقًا.';
$_LANG['forbidden'] = 'خطتك لا تتضمن هذه الميزة.';
$_LANG['state_running'] = 'قيد التشغيل';
$_LANG['state_stopped'] = 'متوقف';
$_LANG['state_suspended'] = 'معلّق';
$_LANG['state_installing'] = 'قيد التثبيت';
$_LANG['state_changing'] = 'قيد التعديل';
$_LANG['state_removed'] = 'محذوف';
$_LANG['state_unknown'] = 'غير معروف';
